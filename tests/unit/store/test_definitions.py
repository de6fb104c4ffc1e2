"""Definitions over the whole log: what changed, of which server, and under which one a call ran."""

from pathlib import Path

import duckdb
import pytest

from tallystick_store.definition_states import definition_states
from tallystick_store.definitions import (
    KnownTool,
    Place,
    ToolKey,
    Version,
    known_tools,
    versions_of,
)
from tallystick_store.opening import DATABASE_NAME
from tallystick_store.query import Query
from tallystick_store.rows import Admitted, EventRow
from tallystick_store.store import Store
from tests.requirements import requirement
from tests.stores import START_US, Emitter, open_store

A, B, C = "aa" * 32, "bb" * 32, "cc" * 32
REF = "5e" * 16
TRACE = "7f" * 16


def write(store: Store, *rows: EventRow, sender: str = "sender-1") -> None:
    """Commit rows of one sender."""
    group = store.group()
    group.add(Admitted(sender, rows, None), START_US)
    store.commit(group)


def seen(emitter: Emitter, digest: str, second: int, **fields: object) -> EventRow:
    """A definition that was observed `second` seconds after the start."""
    stated: dict[str, object] = {
        "observer": "mcp_client",
        "server__name": "shop",
        "tool__name": "add",
        "tool__definition_digest": digest,
        "tool__flags": {},
        "time_us": START_US + second * 1_000_000,
        **fields,
    }
    return EventRow(emitter.record("tooldef.observed", {}, **stated))


def called(emitter: Emitter, digest: str, second: int, action: str, **fields: object) -> EventRow:
    stated: dict[str, object] = {
        "observer": "mcp_client",
        "server__name": "shop",
        "tool__name": "add",
        "tool__definition_digest": digest,
        "action__id": action * 32,
        "trace__id": TRACE,
        "outcome": "success",
        "time_us": START_US + second * 1_000_000,
        **fields,
    }
    return EventRow(emitter.record("tool.completed", {}, **stated))


def tools(
    store: Store, server: str | None = None, tool: str | None = None
) -> tuple[KnownTool, ...]:
    return known_tools(store.database, server, tool).tools


def versions(store: Store, known: KnownTool) -> tuple[Version, ...]:
    return versions_of(store.database, known.key)[0]


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return open_store(tmp_path)


@requirement("tooldef.changed")
def test_a_tool_says_when_it_was_first_seen_and_last_changed(store: Store) -> None:
    emitter = Emitter("one")
    write(store, emitter.opened(), seen(emitter, A, 1), seen(emitter, A, 2), seen(emitter, B, 3))
    [found] = tools(store)
    assert found.key == ToolKey("mcp_client", "shop", "", "", "", "add")
    assert (found.digest, found.versions, found.changes, found.is_listed) == (B, 2, 1, True)
    assert (found.first_us, found.last_us) == (START_US + 1_000_000, START_US + 3_000_000)
    assert found.changed_us == START_US + 3_000_000
    assert [
        (one.event.said("tool.definition_digest"), one.previous_digest)
        for one in versions(store, found)
    ] == [
        (B, A),
        (A, None),
    ]


@requirement("tooldef.changed")
def test_a_change_between_two_processes_of_one_emitter_is_a_change(store: Store) -> None:
    first, second = Emitter("first"), Emitter("second")
    write(store, first.opened(), seen(first, A, 1), second.opened(), seen(second, B, 2))
    [found] = tools(store)
    assert (found.changes, found.digest) == (1, B)


def test_records_that_arrive_late_are_put_where_they_happened(store: Store) -> None:
    new, old = Emitter("new"), Emitter("old")
    write(store, new.opened(), seen(new, A, 1), seen(new, B, 10))
    write(store, old.opened(), seen(old, A, 5))
    [found] = tools(store)
    assert (found.changes, found.digest) == (1, B)


@requirement("tooldef.servers-apart")
def test_machines_with_two_releases_of_a_server_change_nothing(store: Store) -> None:
    one, other = Emitter("one"), Emitter("other")
    write(store, one.opened(), seen(one, A, 1), seen(one, A, 3), sender="one")
    write(store, other.opened(), seen(other, B, 2), seen(other, B, 4), sender="other")
    [found] = tools(store)
    assert (found.changes, found.versions, found.emitters) == (0, 2, 2)


@requirement("tooldef.servers-apart")
def test_servers_of_one_name_at_two_addresses_are_two(store: Store) -> None:
    emitter = Emitter("one")
    rows = [
        seen(emitter, digest, second, server__ref=ref)
        for second, (digest, ref) in enumerate([(A, REF), (B, "6f" * 16)] * 2)
    ]
    write(store, emitter.opened(), *rows)
    assert {(one.changes, one.key.server_ref) for one in tools(store)} == {(0, REF), (0, "6f" * 16)}


@requirement("tooldef.new-address")
def test_a_server_at_a_new_address_says_so_and_whether_its_tool_is_the_same(store: Store) -> None:
    emitter, new = Emitter("one"), "6f" * 16
    write(
        store,
        emitter.opened(),
        seen(emitter, A, 1, server__ref=REF),
        seen(emitter, A, 1, server__ref=REF, tool__name="same"),
        seen(emitter, B, 2, server__ref=new),
        seen(emitter, A, 2, server__ref=new, tool__name="same"),
        seen(emitter, C, 2, server__ref=new, tool__name="more"),
        seen(emitter, A, 3, server__ref=REF),
    )
    said = [(one.key.server_ref, one.key.tool, one.former_digest) for one in tools(store)]
    assert said[:3] == [(new, "add", A), (new, "more", None), (new, "same", A)]
    moved = [one.moved_us for one in tools(store)]
    assert moved == [START_US + 2_000_000] * 3 + [None] * 2


@requirement("tooldef.new-address")
@pytest.mark.parametrize(
    ("first", "second"),
    [
        ({"server__ref": REF}, {}),
        ({}, {"server__ref": REF}),
        ({"server__ref": REF}, {"server__ref": "6f" * 16, "server__name": "mail"}),
        (
            {"server__ref": REF, "observer": "function"},
            {"server__ref": "6f" * 16, "observer": "function"},
        ),
    ],
    ids=["not known any more", "not known before", "another server", "functions of one name"],
)
def test_what_is_no_server_at_a_new_address_says_nothing_of_the_kind(
    store: Store, first: dict[str, object], second: dict[str, object]
) -> None:
    emitter = Emitter("one")
    write(store, emitter.opened(), seen(emitter, A, 1, **first), seen(emitter, B, 2, **second))
    assert [one.moved_us for one in tools(store)] == [None, None]


@requirement("tooldef.new-address")
def test_an_address_that_another_machine_uses_is_not_new(store: Store) -> None:
    one, other = Emitter("one"), Emitter("other")
    write(store, one.opened(), seen(one, A, 1, server__ref=REF), sender="one")
    write(store, other.opened(), seen(other, A, 2, server__ref="6f" * 16), sender="other")
    assert [one.moved_us for one in tools(store)] == [None, None]


def own(emitter: Emitter, digest: str, second: int, **fields: object) -> EventRow:
    """A definition of a program's own tool; what passes calls on names a server at times."""
    return seen(emitter, digest, second, **{"observer": "agent", "agent__name": "clerk"} | fields)


@requirement("tooldef.servers-apart")
def test_a_programs_own_tools_are_told_by_service_and_agent(store: Store) -> None:
    emitter = Emitter("one")
    write(
        store,
        EventRow(
            emitter.record(
                "session.open", {}, emitter__name="test-emitter", service__name="payments"
            )
        ),
        own(emitter, A, 1),
        own(emitter, B, 2, agent__name="boss"),
        own(emitter, C, 3, observer="function", server__ref=REF),
    )
    assert [(one.key, one.changes) for one in tools(store)] == [
        (ToolKey("agent", "", "", "payments", "boss", "add"), 0),
        (ToolKey("agent", "", "", "payments", "clerk", "add"), 0),
        (ToolKey("function", "", REF, "payments", "clerk", "add"), 0),
    ]


@requirement("tooldef.changed")
def test_a_programs_own_tool_changes_with_each_definition_that_is_new(store: Store) -> None:
    first, second = Emitter("first"), Emitter("second")
    write(store, first.opened(), own(first, A, 1), own(first, B, 2))
    write(store, second.opened(), own(second, A, 3), own(second, B, 4), own(second, C, 5))
    [found] = tools(store)
    assert (found.changes, found.versions, found.digest) == (2, 3, C)
    assert [one.event.said("tool.definition_digest") for one in versions(store, found)] == [C, B, A]


def test_an_agents_call_of_a_servers_tool_is_no_tool_of_its_own(store: Store) -> None:
    emitter = Emitter("one")
    write(
        store,
        emitter.opened(),
        seen(emitter, A, 1),
        called(emitter, A, 2, "1", observer="agent", tool__name="shop_add"),
    )
    assert [one.key.tool for one in tools(store)] == ["add"]


def test_a_server_that_alternates_changes_each_time(store: Store) -> None:
    emitter = Emitter("one")
    write(store, emitter.opened(), *(seen(emitter, (A, B)[n % 2], n) for n in range(6)))
    [found] = tools(store)
    assert (found.changes, found.versions) == (5, 2)
    assert len(versions(store, found)) == 6


def test_changed_tools_stand_first_and_filters_choose(store: Store) -> None:
    emitter = Emitter("one")
    write(
        store,
        emitter.opened(),
        *(seen(emitter, A, n, tool__name=f"t{n}") for n in range(3)),
        seen(emitter, B, 9, tool__name="t2"),
        seen(emitter, A, 9, server__name="mail", tool__name="t1"),
    )
    assert [(one.key.server, one.key.tool) for one in tools(store)] == [
        ("shop", "t2"),
        ("mail", "t1"),
        ("shop", "t0"),
        ("shop", "t1"),
    ]
    assert len(tools(store, "shop")) == 3
    assert [one.key.server for one in tools(store, None, "t1")] == ["mail", "shop"]


def test_pages_follow_each_other_without_gap_or_overlap(store: Store) -> None:
    emitter = Emitter("one")
    moved = [
        seen(emitter, A, n, server__name="bank", server__ref=ref)
        for n, ref in enumerate([REF, "6f" * 16])
    ]
    listed = [seen(emitter, A, 9, tool__name=f"t{n}") for n in range(4)]
    write(store, emitter.opened(), *moved, *listed, seen(emitter, B, 11, tool__name="t3"))
    whole = [one.key for one in tools(store)]
    assert len(whole) == 6
    for limit in range(1, 7):
        pages, after = list[tuple[KnownTool, ...]](), None
        while pages == [] or after is not None:
            page = known_tools(store.database, limit=limit, after=after)
            pages.append(page.tools)
            after = page.after
        assert [one.key for page in pages for one in page] == whole
        assert {len(page) for page in pages[:-1]} <= {limit}


def test_nothing_stands_behind_the_last_place(store: Store) -> None:
    emitter = Emitter("one")
    write(store, emitter.opened(), seen(emitter, A, 1))
    last = Place(2, tools(store)[0].key)
    assert known_tools(store.database, after=last).tools == ()


def test_a_tool_that_was_only_called_is_told_by_its_calls(store: Store) -> None:
    emitter = Emitter("one")
    write(
        store,
        emitter.opened(),
        seen(emitter, A, 1),
        called(emitter, A, 2, "1"),
        called(emitter, C, 2, "2", observer="agent", tool__name="sum"),
        called(emitter, B, 3, "3", observer="agent", tool__name="sum"),
    )
    first, second = tools(store)
    assert (first.key.tool, first.is_listed, first.changes, first.newest) == ("sum", False, 1, None)
    assert (second.key.tool, second.is_listed) == ("add", True)
    assert versions(store, first) == ()


def states(store: Store) -> dict[str, str]:
    events = Query(store.database).trace(TRACE).events
    return {
        action[:1]: state for action, state in definition_states(store.database, events).items()
    }


@requirement("tooldef.in-force")
def test_a_call_runs_under_the_definition_listed_last_an_older_one_or_one_that_was_never_shown(
    store: Store,
) -> None:
    emitter = Emitter("one")
    write(
        store,
        emitter.opened(),
        called(emitter, A, 0, "0"),
        seen(emitter, A, 1),
        called(emitter, A, 2, "1"),
        seen(emitter, B, 3, tool__previous_digest=A),
        called(emitter, A, 4, "2"),
        called(emitter, B, 5, "3"),
        called(emitter, C, 6, "4"),
        called(emitter, C, 7, "5", tool__name="other"),
        called(emitter, C, 7, "6", observer="agent"),
    )
    assert states(store) == {
        "0": "unseen",
        "1": "listed",
        "2": "superseded",
        "3": "listed",
        "4": "unseen",
        "5": "unlisted",
    }


@requirement("tooldef.servers-apart")
def test_calls_to_two_servers_of_one_name_each_run_under_their_own_definition(store: Store) -> None:
    emitter = Emitter("one")
    write(
        store,
        emitter.opened(),
        seen(emitter, A, 1),
        seen(emitter, B, 2),
        called(emitter, A, 3, "1"),
        called(emitter, B, 4, "2"),
    )
    assert states(store) == {"1": "listed", "2": "listed"}


def test_a_session_that_listed_nothing_is_judged_by_the_senders_others(store: Store) -> None:
    first, second = Emitter("first"), Emitter("second")
    write(store, first.opened(), seen(first, A, 1), seen(first, B, 3))
    write(
        store,
        second.opened(),
        called(second, B, 4, "1"),
        called(second, A, 5, "2"),
        called(second, C, 6, "3"),
        called(second, A, 2, "4"),
    )
    assert states(store) == {"1": "listed", "2": "superseded", "3": "unseen", "4": "listed"}


@pytest.mark.parametrize(
    "change",
    [
        "statement = '{'",
        "statement = NULL, disclosures = NULL, sender = NULL, rx_us = NULL, leaf_hash = NULL",
        "time_us = NULL, observer = NULL, server_name = NULL, session = NULL",
        "tool_definition_digest = 'x', seq = NULL",
    ],
)
def test_a_row_that_was_changed_from_outside_breaks_no_list(tmp_path: Path, change: str) -> None:
    store = open_store(tmp_path)
    emitter = Emitter("one")
    write(store, emitter.opened(), seen(emitter, A, 1), called(emitter, A, 2, "1"))
    store.close()
    with duckdb.connect(tmp_path / DATABASE_NAME) as database:
        database.execute(f"UPDATE events SET {change} WHERE type = 'tooldef.observed'")  # noqa: S608 - ours
    store = open_store(tmp_path)
    found = next(one for one in tools(store) if one.is_listed)
    assert found.newest is not None
    assert found.newest.faults
    assert len(versions(store, found)) == 1
    assert set(states(store)) == {"1"}
    store.close()
