"""A period exported with a report: states, numbers, queries that anybody can run again, one signed zip."""

import hashlib
import json
import re
import tempfile
import zipfile
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import duckdb
import pytest

from tallystick.errors import ConfigError, StoreError, VerificationError
from tallystick.profile import JsonValue, decode
from tallystick.tlog.note import encode_vkey
from tallystick.verify.manifest import PACKAGE_FILES, REPORT_FILES
from tallystick_store.evidence.export import Appraiser, ExportRequest, check_request
from tallystick_store.evidence.regime import load_regime
from tests.builder import SECOND_US, START_US, Session, fill
from tests.exporting import EVER_US, Exported, benign, benign_call, export, quiet, store_log
from tests.requirements import requirement
from tests.store_log import StoreLog
from tests.verifying import messages, verify_package

LOG_ONLY = {check.id for check in load_regime("eu-ai-act").checks if check.basis == "logs"}
CARD = (
    "inventory:\n  agents: [{name: helper}, {name: archivist, dormant: true}]\n"
    "  tools: [{name: lookup}]\n"
)


@pytest.fixture
def log(tmp_path: Path) -> Iterator[StoreLog]:
    with store_log(tmp_path / "data") as log:
        yield log


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Exported:
    """The package of 30 benign calls, without a card."""
    with store_log(tmp_path_factory.mktemp("good") / "data") as log:
        benign(log)
        return export(log)


@requirement("export.no-verdict-from-counts")
def test_thirty_benign_calls_on_an_empty_card_support_nothing_but_what_logs_alone_can(
    good: Exported,
) -> None:
    assert good.with_state("supports") <= LOG_ONLY
    assert {"INT-1", "INT-3", "EUAIA-12.1-3", "EUAIA-12.1-4"} <= good.with_state("supports")
    assert {"EUAIA-14-2", "EUAIA-14-3", "EUAIA-73-1"} <= good.with_state("no_activity")
    assert {"EUAIA-12.1-1", "EUAIA-14-1", "EUAIA-19-1", "OP-1"} <= good.with_state("operator_input")
    assert {"EUAIA-50.1-1", "EUAIA-12.2.a-3"} <= good.with_state("outside_logs")
    assert good.with_state("does_not_support") == {"INT-6"}  # this log's clock runs ahead


@requirement("export.no-verdict-from-counts")
def test_no_sentence_of_a_report_passes_judgement_or_adds_up(good: Exported) -> None:
    text = good.html.lower()
    for word in ("compliant", "certified", "ensures", "passed", "overall score"):
        assert word not in text
    assert "evidence, not a determination of conformity" in text


@requirement("export.no-verdict-from-counts")
def test_every_check_of_the_regime_stands_in_the_report_with_its_state(good: Exported) -> None:
    assert list(good.checks) == [check.id for check in load_regime("eu-ai-act").checks]
    for name in good.checks:
        assert f'id="{name}"' in good.html
    for check in good.checks.values():
        if "numerator" in check:
            assert check["exception_count"] == check["denominator"] - check["numerator"]


def test_integrity_is_partial_while_nobody_has_pinned_keys(good: Exported) -> None:
    assert good.state("INT-2") == "partial"
    assert "the verifier could not check everything" in good.checks["INT-2"]["because"]
    assert "No keys were pinned outside the package" in good.html


def test_keys_that_the_card_pins_are_what_the_verifier_judges_by(log: StoreLog) -> None:
    session = benign(log, 2)
    emitter = encode_vkey(session.emitter.name, session.emitter.public_key)
    pinned = f"logging:\n  log_key: {log.key.key.vkey}\n  emitter_keys: [{emitter}]\n"
    assert export(log, pinned).state("INT-2") == "supports"
    other = pinned.replace(f"  emitter_keys: [{emitter}]\n", "")
    assert export(log, other).state("INT-2") == "partial"


@requirement("export.verifiable")
def test_the_package_verifies_and_holds_exactly_its_files(good: Exported, log: StoreLog) -> None:
    assert set(good.files) == {*PACKAGE_FILES, *REPORT_FILES}
    assert verify_package(good.content, None, trust_claimed_keys=True).exit_code == 2
    benign(log)
    assert verify_package(export(log).content, log.policy()).exit_code == 0


@requirement("export.verifiable")
@pytest.mark.parametrize("name", REPORT_FILES)
def test_every_changed_file_of_a_report_is_named(good: Exported, log: StoreLog, name: str) -> None:
    out = BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for each, content in good.files.items():
            archive.writestr(each, content + b" " if each == name else content)
    report = verify_package(out.getvalue(), None)
    assert report.exit_code == 1
    assert f"{name}: is not the file that SHA256SUMS names" in messages(report, 1)


@requirement("export.verifiable")
def test_a_report_without_one_of_its_files_is_no_package(good: Exported, tmp_path: Path) -> None:
    out = BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for each, content in good.files.items():
            if each != "checks.json":
                archive.writestr(each, content)
    with pytest.raises(VerificationError, match="unknown or repeated files: 'checks\\.json'"):
        verify_package(out.getvalue(), None)


def test_the_same_store_period_and_card_give_the_same_bytes(log: StoreLog) -> None:
    benign(log, 3)
    assert export(log, CARD).content == export(log, CARD).content
    session = Session(log, "later")
    whole = export(log, CARD, to_us=log.now_us + 1)
    session.open()
    log.publish()
    later = export(log, CARD, to_us=log.now_us)
    assert whole.files["report.html"] != later.files["report.html"]  # another tree


@requirement("export.numbers-are-queries")
def test_each_query_runs_as_it_stands_over_the_unpacked_package_with_the_printed_hash(
    good: Exported, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(good.unpack(tmp_path / "unpacked"))
    lines = good.files["results.sha256"].decode().splitlines()
    stated = {name: digest for digest, _, name in (line.partition("  ") for line in lines)}
    printed = re.findall(
        r"COPY \(\n(.*?)\n\) TO '([^']+)'", good.files["queries.sql"].decode(), re.DOTALL
    )
    assert {name for _, name in printed} == set(stated)
    assert len(stated) > 40
    for sql, name in printed:
        duckdb.connect().execute(f"COPY ({sql}) TO '{name}' (FORMAT csv, HEADER true)")
        assert hashlib.sha256(Path(name).read_bytes()).hexdigest() == stated[name], name
        assert stated[name] in good.html


@requirement("export.numbers-are-queries")
def test_both_scripts_of_the_package_give_its_hashes(
    good: Exported, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = good.unpack(tmp_path / "unpacked")
    monkeypatch.chdir(folder)
    for name in [name for name in good.files if name.endswith(".parquet")]:
        (folder / name).unlink()
    for script in ("tables.sql", "queries.sql"):
        duckdb.connect().execute(good.files[script].decode())
    for line in good.files["results.sha256"].decode().splitlines():
        digest, _, name = line.partition("  ")
        assert hashlib.sha256((folder / name).read_bytes()).hexdigest() == digest, name


@requirement("export.numbers-are-queries")
def test_the_tables_say_what_the_signed_statements_say(
    log: StoreLog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(log)
    benign(log, 2)
    found = export(log, from_us=START_US + 5 * SECOND_US, to_us=START_US + 40 * SECOND_US)
    monkeypatch.chdir(found.unpack(tmp_path / "unpacked"))
    for lines, table in (("events.ndjson", "events"), ("context.ndjson", "context")):
        stated = [json.loads(line) for line in found.files[lines].splitlines()]
        stated = [one for one in stated if "statement" in one]
        result = duckdb.sql(f"FROM '{table}.parquet' ORDER BY log_index")
        rows = [dict(zip(result.columns, row, strict=True)) for row in result.fetchall()]
        assert [row["log_index"] for row in rows] == [one["log_index"] for one in stated]
        for row, one in zip(rows, stated, strict=True):
            statement = decode(one["statement"].encode())
            assert sorted(row["fields"]) == sorted(statement)
            for name, value in statement.items():
                column = row.get(name.replace(".", "_"))
                if name not in ("n", "sd", "session.delegation"):
                    assert column == (json.dumps(value) if isinstance(value, dict) else value), name
            fields = [json.loads(line)[1] for line in one.get("disclosures", [])]
            assert row["disclosed"] == fields


def test_undeclared_agents_and_tools_are_exceptions_and_a_dormant_one_is_none(
    log: StoreLog,
) -> None:
    benign(log, 2)
    found = export(log, CARD).checks["EUAIA-12.1-1"]
    assert (found["state"], found["numerator"], found["denominator"]) == ("supports", 3, 3)
    benign(log, 1, "stranger", agent__name="stranger", tool__name="erase")
    found = export(log, CARD.replace("archivist, dormant: true", "absent")).checks["EUAIA-12.1-1"]
    assert found["state"] == "does_not_support"
    assert {one["what"] for one in found["exceptions"]} == {
        "agent stranger was seen and is not declared",
        "tool erase was seen and is not declared",
        "agent absent is declared and was not seen",
    }


def test_a_call_without_an_end_is_an_exception(log: StoreLog) -> None:
    session = Session(log, "half")
    session.open()
    session.ship(session.record("tool.started", action__id="ab" * 16, tool__name="wipe"))
    session.seal()
    session.close()
    found = export(log).checks["EUAIA-12.1-3"]
    assert found["state"] == "does_not_support"
    assert [one["what"] for one in found["exceptions"]] == ["the call of wipe has no end"]


def test_declared_losses_are_partial_and_counted(log: StoreLog) -> None:
    session = Session(log, "lossy")
    session.open()
    session.ship(session.record("log.drop", drop__count=7, drop__reason="disk full"))
    session.seal()
    session.close()
    found = export(log).checks["INT-9"]
    assert found["state"] == "partial"
    assert "lost 7 records: disk full" in found["exceptions"][0]["what"]


def test_a_changed_tool_definition_needs_a_change_record_with_a_conclusion(log: StoreLog) -> None:
    session = Session(log, "changing")
    session.open()
    for number, digest in enumerate(("aa" * 32, "bb" * 32, "cc" * 32)):
        benign_call(session, number, tool__definition_digest=digest)
    attributes = json.dumps({"component": "lookup", "conclusion": "minor", "new": "bb" * 32})
    session.ship(session.record("config.changed", {"attributes": attributes}, agent__name="ops"))
    session.seal()
    session.close()
    found = export(log)
    for check in ("EUAIA-12.2.a-2", "EUAIA-12.2.a-4"):
        assert (found.checks[check]["numerator"], found.checks[check]["denominator"]) == (1, 2)
        [exception] = found.checks[check]["exceptions"]
        assert "cc" * 32 in exception["what"]
    assert "bb" * 32 in found.html


def approve(session: Session, number: int, **changes: JsonValue) -> None:
    common: dict[str, JsonValue] = {
        "approval__id": f"r{number}",
        "approval__mode": "human",
        "principal__basis": "authenticated",
        "principal__ref": "ab" * 16,
    }
    session.ship(session.record("approval.requested", **common))
    decided = {**common, "approval__decision": "approved", **changes}
    session.ship(session.record("approval.decided", **decided))


def test_oversight_is_judged_by_requests_decisions_and_the_people_of_the_card(
    log: StoreLog,
) -> None:
    session = Session(log, "overseen")
    session.open()
    session.ship(session.record("approval.requested", approval__id="open"))
    approve(session, 1)
    approve(session, 2, principal__basis="asserted")
    approve(session, 3, approval__mode="bypass")
    session.seal()
    session.close()
    card = "oversight:\n  persons:\n    - {id: p1, ref: %s, valid_from: 2020-01-01}\n" % ("ab" * 16)
    found = export(log, card).checks
    assert (found["EUAIA-14-3"]["numerator"], found["EUAIA-14-3"]["denominator"]) == (3, 4)
    assert found["EUAIA-14-3"]["exceptions"][0]["what"] == "request open has no decision"
    assert (found["EUAIA-14-2"]["numerator"], found["EUAIA-14-2"]["denominator"]) == (1, 2)
    assert "not authenticated" in found["EUAIA-14-2"]["exceptions"][0]["what"]
    assert found["EUAIA-14-4"]["state"] == "partial"
    assert (found["EUAIA-14-5"]["numerator"], found["EUAIA-14-5"]["denominator"]) == (0, 1)
    expired = card.replace("2020-01-01", "2000-01-01, valid_to: 2001-01-01")
    assert export(log, expired).checks["EUAIA-14-2"]["numerator"] == 0
    assert export(log).state("EUAIA-14-2") == "operator_input"


def test_gated_tools_need_an_approval_before_them_and_are_partial_at_best(log: StoreLog) -> None:
    session = Session(log, "gated")
    session.open()
    decided = session.record(
        "approval.decided", approval__id="r", approval__decision="approved", trace__id=f"{1:032x}"
    )
    session.ship(decided)
    benign_call(session, 1, span__start_us=START_US + 90)
    session.seal()
    session.close()
    card = "oversight: {gated_tools: [lookup]}\n"
    assert export(log, card).state("EUAIA-14-1") == "partial"
    benign(log, 1, "ungated", span__start_us=START_US, trace__id="9" * 32)
    found = export(log, card).checks["EUAIA-14-1"]
    assert (found["state"], found["numerator"], found["denominator"]) == ("does_not_support", 1, 2)


def test_a_person_may_declare_a_check_away_and_owns_an_open_input(log: StoreLog) -> None:
    benign(log, 1)
    card = (
        "not_applicable:\n  checks:\n"
        "    - {check: EUAIA-50.1-1, reason: no people, person: A. Person, date: 2026-01-02}\n"
        "open_inputs:\n  checks:\n    - {check: EUAIA-19-1, owner: Records, due: 2026-12-31}\n"
        "classification: {class: article-50-only, decided_by: A. Person, date: 2026-01-02}\n"
    )
    found = export(log, card).checks
    assert found["EUAIA-50.1-1"]["state"] == found["EUAIA-12.3-a"]["state"] == "not_applicable"
    assert found["EUAIA-50.1-1"]["person"] == "A. Person, 2026-01-02"
    assert (found["EUAIA-19-1"]["state"], found["EUAIA-19-1"]["person"]) == (
        "operator_input",
        "Records",
    )
    biometric = "classification: {class: high-risk-annex-iii, annex_iii_point: 1(a)}\n"
    assert export(log, biometric).state("EUAIA-12.3-a") == "outside_logs"


def test_progress_tells_every_stage_in_order(log: StoreLog) -> None:
    benign(log, 30)
    told: list[str] = []
    export(log, progress=lambda stage, done, total: told.append(stage))
    assert list(dict.fromkeys(told)) == ["verification", "tables", "checks", "report", "package"]


def test_an_appraisal_in_its_own_process_gives_the_same_package(log: StoreLog) -> None:
    benign(log, 2)
    assert export(log, appraiser=Appraiser()).content == export(log).content


def test_an_appraisal_that_is_stopped_says_so_and_starts_no_more(log: StoreLog) -> None:
    benign(log, 2)
    appraiser = Appraiser()

    def stop(stage: str, done: int, total: int) -> None:
        if stage == "tables":
            appraiser.stop()

    with pytest.raises(StoreError, match="the report was not finished"):
        export(log, progress=stop, appraiser=appraiser)
    with pytest.raises(StoreError, match="the service is stopping"):
        export(log, appraiser=appraiser)


def test_an_appraisal_that_fails_gives_its_reason(log: StoreLog) -> None:
    benign(log, 2)

    def spoil(place: Path, progress: object) -> None:
        (place / "files" / "report.html").mkdir()
        Appraiser()(place, quiet)

    with pytest.raises(StoreError, match="the report cannot be written: File exists"):
        export(log, appraiser=spoil)


def test_a_request_that_makes_no_sense_is_refused_before_anything_is_read() -> None:
    with pytest.raises(ConfigError, match="no regime"):
        check_request(ExportRequest(0, EVER_US, "nist"))
    with pytest.raises(ConfigError, match="line 1: the system card: expected one of"):
        check_request(ExportRequest(0, EVER_US, "eu-ai-act", "a: b"))


def test_nothing_is_left_behind_in_the_folder_for_temporary_files(log: StoreLog) -> None:
    before = set(Path(tempfile.gettempdir()).glob("*duckdb*"))
    benign(log, 1)
    export(log)
    assert set(Path(tempfile.gettempdir()).glob("*duckdb*")) == before
