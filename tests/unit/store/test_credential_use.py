"""Credentials that were passed on or that several use, found by their digests; and what is left alone."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tallystick_store.credential_use import MAX_NAMES, passed_on, shared
from tallystick_store.rows import EventRow
from tallystick_store.store import Store
from tests.requirements import requirement
from tests.stores import Emitter, open_store, write

TOKEN, KEY, OTHER = "c" * 32, "d" * 32, "e" * 32
TRACE = "7d" * 16


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = open_store(tmp_path)
    yield opened
    opened.close()


def call(
    emitter: Emitter, number: int, ref: str, observer: str, server: str, **more: object
) -> EventRow:
    said: dict[str, object] = {
        "action__id": f"{number:032x}",
        "observer": observer,
        "server__name": server,
        "outcome": "success",
        "credential__ref": ref,
        "credential__kind": "jwt",
        **more,
    }
    return EventRow(emitter.record("tool.completed", {}, **said))


def received(emitter: Emitter, number: int, ref: str, server: str, **more: object) -> EventRow:
    return call(emitter, number, ref, "mcp_server", server, **more)


def sent(emitter: Emitter, number: int, ref: str, server: str, inside: int) -> EventRow:
    above = {"action__parent_id": f"{inside:032x}", "trace__id": TRACE}
    return call(emitter, number, ref, "mcp_client", server, **above)


@requirement("sdk.pass-through")
def test_a_token_that_a_server_sends_on_is_passed_on(store: Store) -> None:
    emitter = Emitter()
    rows = [
        received(emitter, 1, TOKEN, "front"),
        sent(emitter, 2, TOKEN, "back", 1),
        sent(emitter, 3, TOKEN, "back", 1),
        sent(emitter, 4, OTHER, "back", 1),  # a credential of the server's own
        sent(emitter, 5, TOKEN, "back", 9),  # inside of something else
    ]
    write(store, [emitter.opened(), *rows])
    [found], is_cut = passed_on(store.database)
    assert (found.credential_ref, found.kind, found.received_by, found.passed_on_to) == (
        TOKEN,
        "jwt",
        "front",
        "back",
    )
    assert (found.calls, found.trace_id, is_cut) == (2, TRACE, False)
    assert found.first_us <= found.last_us


@requirement("sdk.pass-through")
def test_a_credential_of_one_client_at_one_server_is_no_finding(store: Store) -> None:
    emitter = Emitter()
    one = {"client__name": "desk", "principal__ref": "1" * 32, "agent__name": "clerk"}
    write(store, [emitter.opened(), *(received(emitter, n, KEY, "bank", **one) for n in (1, 2))])
    assert shared(store.database) == ((), False)
    assert passed_on(store.database) == ((), False)


@requirement("sdk.pass-through")
@pytest.mark.parametrize(
    ("first", "second", "named"),
    [
        ({"client__name": "a"}, {"client__id": "b"}, ("clients", ("a", "b"))),
        ({"agent__name": "a"}, {"agent__id": "b"}, ("agents", ("a", "b"))),
        ({"server__name": "a"}, {"server__name": "b"}, ("servers", ("a", "b"))),
        ({"principal__ref": "1" * 32}, {"principal__ref": "2" * 32}, ("principals", 2)),
    ],
)
def test_a_credential_that_several_use_names_them(
    store: Store, first: dict[str, object], second: dict[str, object], named: tuple[str, object]
) -> None:
    emitter = Emitter()
    calls = [
        received(emitter, 1, KEY, "bank", **first),
        received(emitter, 2, KEY, "bank", **second),
    ]
    write(store, [emitter.opened(), *calls, received(emitter, 3, OTHER, "bank", **first)])
    [found], _ = shared(store.database)
    assert (found.credential_ref, found.calls, found.has_more_names) == (KEY, 2, False)
    assert getattr(found, named[0]) == named[1]


def test_what_is_given_has_a_limit(store: Store) -> None:
    emitter = Emitter()
    many = [
        received(emitter, 100 * n + i, ref, "bank", client__name=f"client {i:02}")
        for n, ref in enumerate((TOKEN, KEY))
        for i in range(MAX_NAMES + 1)
    ]
    write(store, [emitter.opened(), *many])
    [found], is_cut = shared(store.database, limit=1)
    assert (len(found.clients), found.has_more_names) == (MAX_NAMES, True)
    assert is_cut
