"""Whoever can choose a text, or reach the database, tries to make a report lie, act or fail."""

import csv
import io
import re
from collections.abc import Iterator
from html import unescape
from html.parser import HTMLParser
from pathlib import Path

import duckdb
import pytest

from tallystick.fields import FIELDS
from tallystick.verify.archive import SMALL_FILE_BYTES
from tallystick_store.evidence.store_reader import export_package
from tests.builder import SECOND_US, START_US, Session
from tests.exporting import EVER_US, benign, export, store_log
from tests.hostile_texts import hostile_card, hostile_session
from tests.requirements import requirement
from tests.store_log import StoreLog
from tests.verifying import verify_package

EXPORTABLE = {"default-src", "style-src", "base-uri", "form-action"}


@pytest.fixture
def log(tmp_path: Path) -> Iterator[StoreLog]:
    with store_log(tmp_path / "data") as log:
        yield log


class Markup(HTMLParser):
    """Every tag, attribute and text of a page."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.links: set[str] = set()
        self.text = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}
        self.links |= {value or "" for name, value in attrs if name in ("href", "src")}

    def handle_data(self, data: str) -> None:
        self.text += data


@requirement("export.inert")
def test_hostile_names_are_inert_and_readable_in_every_file_that_people_open(
    log: StoreLog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hostile_session(log)
    found = export(log, hostile_card())
    page = Markup(found.html)
    assert page.tags.isdisjoint({"script", "img", "base", "iframe", "object", "form", "link"})
    assert not any(name.startswith("on") or name == "style" for name in page.attributes)
    assert all(link.startswith("#") for link in page.links)
    for one in found.html:
        assert one == "\n" or one.isprintable()
    for text in ("<script>alert(1)</script>", "\\u202egnissap\\u2066\\u200b\\ufeff", "{{ 7*7 }}"):
        assert text in page.text
    for name in ("checks.csv", "exceptions.csv"):
        for row in csv.reader(io.StringIO(found.files[name].decode())):
            for cell in row:
                assert not cell.startswith(("=", "+", "-", "@", "\t", "\r"))
                assert cell.isprintable()
    assert verify_package(found.content, log.policy()).exit_code == 0
    monkeypatch.chdir(found.unpack(tmp_path / "unpacked"))
    duckdb.connect().execute(found.files["tables.sql"].decode())
    duckdb.connect().execute(found.files["queries.sql"].decode())


def test_the_policy_of_the_page_allows_its_own_style_and_nothing_else(log: StoreLog) -> None:
    benign(log, 1)
    html = unescape(export(log).html)
    [policy] = re.findall(r'http-equiv="Content-Security-Policy" content="([^"]*)"', html)
    directives = {part.split()[0] for part in policy.split(";")}
    assert directives == EXPORTABLE
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy


def spoil(log: StoreLog, sql: str) -> None:
    """Change the database from outside, as its owner can."""
    log.store.database.rows(sql)


CORRUPTIONS = {
    "another tool in a statement": (
        "UPDATE events SET statement = replace(statement, 'lookup', 'LOOKUP') WHERE log_index = 6"
    ),
    "a statement that is no JSON": "UPDATE events SET statement = '{' WHERE log_index = 6",
    "a statement of another type": "UPDATE events SET statement = '[1]' WHERE log_index = 6",
    "a statement of wrong types": (
        """UPDATE events SET statement = '{"session":1,"seq":"x","time_us":1.5}' WHERE log_index = 6"""
    ),
    "an empty statement": "UPDATE events SET statement = '' WHERE log_index = 6",
    "no statement": "UPDATE events SET statement = NULL WHERE log_index = 6",
    "a row that is gone": "DELETE FROM events WHERE log_index = 6",
    "a seal that is none": "UPDATE seals SET body = 'seal' WHERE log_index = 1",
    "another receive time": "UPDATE events SET rx_us = rx_us + 1 WHERE log_index = 6",
    "a broken disclosure": "UPDATE events SET disclosures = '[' WHERE log_index = 6",
    "a statement of the service's keys": (
        "UPDATE events SET type = 'key.added', sender = 'service', statement = '{' WHERE log_index = 6"
    ),
}


@requirement("export.gate")
@pytest.mark.parametrize("how", CORRUPTIONS)
def test_a_corrupted_row_fails_its_check_and_shuts_the_gate(log: StoreLog, how: str) -> None:
    benign(log, 5)
    assert export(log).state("INT-1") == "supports"
    spoil(log, CORRUPTIONS[how])
    found = export(log)
    assert "does_not_support" in {found.state("INT-1"), found.state("INT-2"), found.state("INT-3")}
    if "seal" not in how:
        assert found.state("INT-1") == "does_not_support"
    assert found.with_state("supports") == found.with_state("partial") == set()
    assert found.state("EUAIA-14-3") == "no_activity"
    assert "Integrity does not hold for this period" in found.html
    assert verify_package(found.content, log.policy()).exit_code == 1


@requirement("export.gate")
def test_a_missing_record_and_a_missing_seal_shut_the_gate(log: StoreLog) -> None:
    session = benign(log, 2)
    lost = session.record("tool.completed")
    session.ship(session.record("tool.completed"))
    session.seal()
    found = export(log)
    assert (found.state("INT-3"), lost.statement["seq"] > 0) == ("does_not_support", True)
    assert found.with_state("supports") == set()


def test_a_period_with_nothing_in_it_claims_nothing(log: StoreLog) -> None:
    benign(log, 2)
    before = export(log, from_us=0, to_us=START_US)
    after = export(log, from_us=log.now_us + 1, to_us=log.now_us + 9)
    for found in (before, after):
        assert found.with_state("supports") <= {"EUAIA-21-1"}
        assert found.state("INT-1") == found.state("EUAIA-12.1-3") == "no_activity"
        assert "The period has no entries" in found.html
        assert verify_package(found.content, log.policy()).exit_code == 0


def test_a_silent_day_is_an_exception(log: StoreLog) -> None:
    benign(log, 1)
    log.now_us += 2 * 86_400 * SECOND_US
    benign(log, 1, "later")
    found = export(log).checks["EUAIA-12.1-2"]
    assert found["state"] == "does_not_support"
    assert (found["numerator"], found["denominator"]) == (2, 3)


def test_a_period_without_a_checkpoint_of_its_own_is_said(log: StoreLog) -> None:
    benign(log, 1)
    middle = log.now_us
    benign(log, 1, "later")
    log.publish()
    found = export(log, to_us=middle + 1)
    assert found.state("INT-4") == "does_not_support"
    assert "the newest checkpoint is more than 24 h behind" in found.html


def test_exceptions_are_listed_up_to_a_bound_and_counted_to_the_last(log: StoreLog) -> None:
    session = Session(log, "many")
    session.open()
    for number in range(150):
        session.ship(session.record("tool.completed", action__id=f"{number:032x}"))
    session.seal()
    session.close()
    found = export(log)
    check = found.checks["EUAIA-12.1-4"]
    assert (check["exception_count"], len(check["exceptions"])) == (150, 100)
    assert "100 of 150" in found.html


@requirement("export.verifiable")
def test_an_emitter_of_monotonous_records_cannot_make_its_package_look_like_a_bomb(
    log: StoreLog,
) -> None:
    session = Session(log, "monotonous")
    session.open()
    texts = {field.name: '"' * 500_000 for field in FIELDS if field.home == "disclosure"}
    session.ship(session.record("tool.completed", texts, tool__name="x"))
    session.seal()
    session.close()
    found = export(log)
    assert len(found.files["events.ndjson"]) > SMALL_FILE_BYTES
    assert found.state("INT-1") == "supports"
    assert verify_package(found.content, log.policy()).exit_code == 0
    plain = io.BytesIO()
    export_package(log.store, log.signer(), 0, EVER_US, plain, START_US)
    assert verify_package(plain.getvalue(), log.policy()).exit_code == 0
