"""The queries of docs/identity.md, word for word, on records with what they look for and what they must leave out."""

import re
from pathlib import Path

import duckdb
import pytest

from tallystick_store.opening import DATABASE_NAME
from tallystick_store.rows import EventRow
from tests.requirements import requirement
from tests.stores import Emitter, open_store, write

PAGE = Path(__file__).resolve().parents[3] / "docs" / "identity.md"
QUERIES = re.findall(r"^```sql\n(.*?)^```", PAGE.read_text("utf-8"), re.DOTALL | re.MULTILINE)
PASSED_ON, SHARED, APPROVALS, DENIALS = range(4)


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("store")
    emitter, store = Emitter(), open_store(directory)
    rows = [emitter.opened(), *_calls(emitter), *_approvals(emitter), *_denials(emitter)]
    write(store, rows)
    store.close()
    return directory / DATABASE_NAME


def ask(database: Path, number: int) -> list[tuple[object, ...]]:
    with duckdb.connect(str(database), read_only=True) as connection:
        return connection.execute(QUERIES[number]).fetchall()


def call(emitter: Emitter, number: int, **fields: object) -> EventRow:
    named = {"action__id": f"{number:032x}", "outcome": "success", "credential__ref": "c" * 32}
    return EventRow(emitter.record("tool.completed", {}, **(named | fields)))


def _calls(emitter: Emitter) -> list[EventRow]:
    server = {"observer": "mcp_server", "server__name": "front", "client__name": "one"}
    client = {"observer": "mcp_client", "server__name": "back", "action__parent_id": f"{1:032x}"}
    return [
        call(emitter, 1, **server),
        call(emitter, 2, **client),
        call(emitter, 3, **(client | {"credential__ref": "d" * 32})),
        call(emitter, 4, **(client | {"action__parent_id": f"{9:032x}"})),
        call(emitter, 5, **(server | {"client__name": "two"})),
        call(emitter, 6, **(server | {"credential__ref": "e" * 32})),
    ]


def approval(emitter: Emitter, name: str, what: str, **fields: object) -> EventRow:
    named = {"approval__id": name, "observer": "agent", "approval__presented_digest": "a" * 32}
    if what == "decided":
        named["approval__decision"] = "approved"
    return EventRow(emitter.record(f"approval.{what}", {}, **(named | fields)))


def _approvals(emitter: Emitter) -> list[EventRow]:
    ada, grace = {"principal__ref": "1" * 32}, {"principal__ref": "2" * 32}
    return [
        approval(emitter, "a-good", "requested", **ada),
        approval(emitter, "a-good", "decided", **grace),
        approval(emitter, "b-open", "requested", **ada),
        approval(emitter, "c-forged", "decided", **grace),
        approval(emitter, "d-other", "requested", **ada),
        approval(emitter, "d-other", "decided", **grace, approval__presented_digest="b" * 32),
        approval(emitter, "e-own", "requested", **ada),
        approval(emitter, "e-own", "decided", **ada),
    ]


def _denials(emitter: Emitter) -> list[EventRow]:
    deny = {"decision__effect": "deny", "decision__enforced": True, "credential__ref": "f" * 32}
    return [
        call(emitter, 11, **deny),
        call(emitter, 12, **(deny | {"decision__enforced": False})),
        call(emitter, 13, **(deny | {"outcome": "denied"})),
    ]


@requirement("sdk.pass-through")
def test_a_token_that_was_passed_on_is_found_and_no_other(database: Path) -> None:
    assert ask(database, PASSED_ON) == [("front", "back", "c" * 32, 1)]


@requirement("sdk.pass-through")
def test_a_shared_key_is_found_and_no_other(database: Path) -> None:
    assert ask(database, SHARED) == [("c" * 32, 0, 2, 2)]


@requirement("sdk.approvals-bound")
def test_approvals_that_do_not_add_up_are_found_and_the_good_one_is_not(database: Path) -> None:
    assert ask(database, APPROVALS) == [
        ("b-open", "never answered"),
        ("c-forged", "decided without a request"),
        ("d-other", "something else was shown"),
        ("e-own", "approved by the one who asked"),
    ]


@requirement("sdk.denial-stands")
def test_a_denial_that_did_not_hold_is_found(database: Path) -> None:
    assert [row[0] for row in ask(database, DENIALS)] == [f"{11:032x}"]
