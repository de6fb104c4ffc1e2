"""The attack table: what an operator, a database administrator or a rogue emitter does, and the step
that names it. `same key`: the operator re-signs the log with its own key, as only an operator can.
"""

from collections.abc import Callable

import pytest

from tallystick.tlog.encoding import to_base64
from tallystick.tlog.seal import make_seal
from tallystick.tlog.tree import Frontier, leaf_hash
from tallystick.verify.source import EventText, SealText
from tests.builder import Log, Row, Session, rewritten, sample_log
from tests.keys import key_pair
from tests.requirements import requirement
from tests.verifying import messages, steps, verify_log, verify_package

Edit = Callable[[list[Row]], None]

pytestmark = requirement("verify.no-silent-pass")


@pytest.fixture(scope="module")
def honest() -> Log:
    return sample_log()


def text_of(row: Row) -> str:
    content = row.content
    if isinstance(content, SealText):
        return content.body
    return content.statement if isinstance(content, EventText) else ""


def position(rows: list[Row], kind: type, text: str, number: int = 0) -> int:
    """Find the n-th row of a kind whose text holds `text`."""
    found = [
        index
        for index, row in enumerate(rows)
        if isinstance(row.content, kind) and text in text_of(row)
    ]
    return found[number]


def edit_event(rows: list[Row]) -> None:
    index = position(rows, EventText, "tool.completed", 2)
    content = rows[index].content
    assert isinstance(content, EventText)
    text = content.statement.replace('"outcome":"success"', '"outcome":"failure"')
    assert text != content.statement
    rows[index] = rows[index]._replace(content=content._replace(statement=text))


def delete_event(rows: list[Row]) -> None:
    del rows[position(rows, EventText, "tool.completed", 1)]


def delete_event_and_its_seal(rows: list[Row]) -> None:
    index = position(rows, EventText, "tool.completed", 4)
    seal = next(i for i in range(index, len(rows)) if isinstance(rows[i].content, SealText))
    del rows[seal]
    del rows[index]


def delete_seal(rows: list[Row]) -> None:
    del rows[position(rows, SealText, "old 1\n")]


def forge_event(rows: list[Row]) -> None:
    index = position(rows, EventText, "tool.completed", 3)
    content = rows[index].content
    assert isinstance(content, EventText)
    text = content.statement.replace('"seq":4,', '"seq":99,')
    assert text != content.statement
    rows.insert(index, rows[index]._replace(content=content._replace(statement=text)))


def drop_session(rows: list[Row]) -> None:
    """Drop the session that died: nobody but its heir and the log heads remember it."""
    origin = Session(Log(), "dead").id
    own = (f'"session":"{origin}"', f"session/{origin}")
    rows[:] = [row for row in rows if not any(text in text_of(row) for text in own)]


def drop_whole_session(rows: list[Row]) -> None:
    """Drop every trace of the first session, which nobody adopts."""
    origin = Session(Log(), "first").id
    rows[:] = [row for row in rows if origin not in text_of(row)]


def back_date(rows: list[Row]) -> None:
    """Make everything before the second checkpoint a minute older."""
    rows[:3] = [row._replace(rx_us=row.rx_us - 60_000_000) for row in rows[:3]]


def break_order(rows: list[Row]) -> None:
    rows[9] = rows[9]._replace(rx_us=rows[8].rx_us - 1)


def swap_events(rows: list[Row]) -> None:
    first, second = (position(rows, EventText, "tool.completed", number) for number in (1, 2))
    rows[first], rows[second] = (
        rows[first]._replace(content=rows[second].content),
        rows[second]._replace(content=rows[first].content),
    )


def cut_tail(rows: list[Row]) -> None:
    del rows[-3:]


def change_sender(rows: list[Row]) -> None:
    rows[5] = rows[5]._replace(sender="somebody")


RESIGNED = [
    pytest.param(edit_event, {7}, "not the leaf that was sealed", id="edits an event"),
    pytest.param(delete_event, {7}, "leaf 2 is missing", id="deletes an event"),
    pytest.param(delete_event_and_its_seal, {6, 7}, "", id="deletes an event and its seal"),
    pytest.param(delete_seal, {6, 7}, "neither sealed nor recovered", id="deletes a seal"),
    pytest.param(forge_event, {7}, "neither sealed nor recovered", id="forges an event"),
    pytest.param(drop_session, {7, 11}, "which is not here", id="drops a session"),
    pytest.param(drop_whole_session, {11}, "", id="drops a whole session"),
    pytest.param(back_date, {11}, "", id="back-dates"),
    pytest.param(break_order, {8, 11}, "", id="turns time back"),
    pytest.param(swap_events, {11}, "", id="swaps two events"),
    pytest.param(change_sender, {5, 11}, "", id="gives a record another sender"),
]


@pytest.mark.parametrize(("edit", "expected", "message"), RESIGNED)
def test_an_operator_who_signs_again_with_the_same_key_is_found(
    honest: Log, edit: Edit, expected: set[int], message: str
) -> None:
    report = verify_log(rewritten(honest, edit), honest.policy())
    assert report.exit_code == 1
    assert expected <= set(steps(report))
    assert message in messages(report, 7)


@requirement("verify.operator-re-signs")
@pytest.mark.parametrize(
    "edit", [pytest.param(lambda rows: None, id="nothing"), *[p.values[0] for p in RESIGNED]]
)
def test_an_operator_who_signs_again_with_a_new_key_never_verifies(honest: Log, edit: Edit) -> None:
    made_up = rewritten(honest, edit, key_pair(honest.key.name, "another"))
    assert verify_log(made_up, honest.policy()).exit_code == 1
    assert verify_package(made_up.package(), None).exit_code in {1, 2}
    assert verify_package(made_up.package(), None, trust_claimed_keys=True).exit_code in {1, 2}


def test_a_tail_that_is_cut_is_seen_by_whoever_knows_a_newer_size(honest: Log) -> None:
    cut = rewritten(honest, cut_tail)
    assert verify_log(cut, honest.policy()).exit_code == 0, "nothing inside the log tells"
    size = len(honest.entries_list)
    for knowing in (
        honest.policy(minimum_size=size),
        honest.policy(checkpoints=(honest.notes[-1],)),
    ):
        report = verify_log(cut, knowing)
        assert (report.exit_code, steps(report)) == (1, [10])


def test_an_older_checkpoint_of_the_policy_must_be_an_ancestor(honest: Log) -> None:
    policy = honest.policy(checkpoints=tuple(honest.notes), minimum_size=3)
    assert verify_log(honest, policy).exit_code == 0
    report = verify_log(rewritten(honest, drop_whole_session), policy)
    assert {10, 11} <= set(steps(report))


def test_a_rogue_emitter_that_seals_another_past_is_found() -> None:
    log = Log()
    session = Session(log)
    session.open()
    session.call(1)
    session.seal()
    before, other = Frontier(), session.records[0].leaf_hash
    body, _ = make_seal(
        before,
        [other, leaf_hash(b"another past")],
        session.key.name,
        session.key.sign,
        session.key.public_key,
    )
    log.accept(SealText(0, body))
    log.publish()
    report = verify_log(log)
    assert steps(report) == [6]
    assert "equivocation: two seals give different leaves" in messages(report, 6)


def test_a_rogue_emitter_that_builds_on_another_past_is_found() -> None:
    log = Log()
    session = Session(log)
    session.open()
    session.call(1)
    session.seal()
    another = Frontier()
    another.extend([leaf_hash(b"another"), leaf_hash(b"past")])
    session.call(2)
    body, _ = make_seal(
        another,
        [session.records[2].leaf_hash],
        session.key.name,
        session.key.sign,
        session.key.public_key,
    )
    log.accept(SealText(0, body))
    log.publish()
    report = verify_log(log)
    assert steps(report) == [6]
    assert "builds on another tree of 2 leaves" in messages(report, 6)


def test_an_event_that_repeats_a_sequence_number_is_a_conflict() -> None:
    log = Log()
    session = Session(log)
    session.open()
    session.call(1)
    session.seq -= 1
    session.call(2)
    session.records.pop()
    session.seal()
    log.publish()
    report = verify_log(log)
    assert steps(report) == [7]
    assert "conflict" in messages(report, 7)


def test_a_replayed_event_is_a_notice() -> None:
    log = Log()
    session = Session(log)
    session.open()
    session.call(1)
    session.ship(session.records[1])
    session.close()
    log.publish()
    report = verify_log(log)
    assert report.exit_code == 0
    assert "the same event as at log index 2" in messages(report, 7, "notice")


def test_an_event_of_an_unknown_session_has_nobody_to_vouch_for_it() -> None:
    log = Log()
    session = Session(log)
    session.call(1)
    session.seal()
    log.publish()
    report = verify_log(log)
    assert steps(report) == [5, 6, 7]
    assert "no session.open" in messages(report, 5)
    assert "key is unknown" in messages(report, 6)


def test_a_session_whose_key_nobody_delegated_is_named() -> None:
    log = Log()
    session, other = Session(log, "one"), Session(log, "two")
    session.open(session__delegation=other.delegation())
    log.publish()
    report = verify_log(log)
    assert steps(report) == [5]
    assert "another emitter, key or session" in messages(report, 5)


def test_an_emitter_that_the_policy_does_not_name_is_not_trusted(honest: Log) -> None:
    policy = honest.policy(emitters=(honest.emitters[0].key,))
    report = verify_log(honest, policy)
    assert (report.exit_code, steps(report), steps(report, "not_checked")) == (2, [], [5])
    assert "emitter.example/other" in messages(report, 5, "not_checked")


def test_a_key_of_the_same_name_that_another_holds_is_not_trusted(honest: Log) -> None:
    stranger = key_pair(honest.emitters[0].name, "stranger").key
    report = verify_log(honest, honest.policy(emitters=(stranger, honest.emitters[1].key)))
    assert (report.exit_code, steps(report, "not_checked")) == (2, [5])


def test_a_head_of_a_log_that_never_was_is_named() -> None:
    log = Log()
    session = Session(log)
    session.open()
    note = log.publish()
    session.call(1, head=note, log__root=to_base64(leaf_hash(b"never")))
    session.close()
    log.publish()
    report = verify_log(log)
    assert steps(report) == [11]
    assert "log was rewritten" in messages(report, 11)
