"""Tombstones beside what they stand for: a deletion that was cut short is told, and is no fault of its own."""

import io
from collections.abc import Iterator

import pytest

from tallystick.verify.source import DeletedText, EventText
from tallystick_store.evidence.package import write_package
from tests.builder import SECOND_US, START_US, Log, LogReader, sample_log
from tests.requirements import requirement
from tests.verifying import messages, verify_package


class CutShort(LogReader):
    """A store that wrote a tombstone for one event, and has the event still."""

    def __init__(self, log: Log, log_index: int) -> None:
        super().__init__(log)
        self._stood = next(self.stored_events(log_index, log_index + 1))

    def deleted(self, start: int, stop: int) -> Iterator[DeletedText]:
        text = self._stood
        if start <= text.log_index < stop:
            yield tombstone(text)


def tombstone(text: EventText) -> DeletedText:
    return DeletedText(text.log_index, "event", "s", 1, 0)


def packaged(log: Log, reader: LogReader) -> bytes:
    out = io.BytesIO()
    from_us, to_us = START_US + SECOND_US, START_US + (reader.tree_size + 1) * SECOND_US
    write_package(reader, from_us, to_us, out, log.signer(), START_US)
    return out.getvalue()


@requirement("retention.tombstones")
def test_what_stands_beside_its_tombstone_is_told() -> None:
    log = sample_log()
    event = next(LogReader(log).stored_events(1, len(log.entries_list)))
    report = verify_package(packaged(log, CutShort(log, event.log_index)), log.policy())
    assert "its deletion is not carried out yet" in messages(report, 14, "notice")
    assert "which allows nothing" in messages(report, 14)


class Misplaced(LogReader):
    """A store whose tombstone gives a batch of spans a place in a session."""

    def __init__(self, log: Log, place: tuple[str, int]) -> None:
        super().__init__(log)
        self._place = place
        self._batch = next(self.stored_spans(1, len(log.entries_list)))

    def deleted(self, start: int, stop: int) -> Iterator[DeletedText]:
        if start <= self._batch.log_index < stop:
            yield DeletedText(self._batch.log_index, "spans", *self._place, 0)


@requirement("retention.tombstones")
@pytest.mark.parametrize("place", [("s", -1), ("", 1), ("s", 1)])
def test_a_batch_of_spans_has_no_place_in_a_session(place: tuple[str, int]) -> None:
    log = sample_log()
    report = verify_package(packaged(log, Misplaced(log, place)), log.policy())
    assert "a tombstone of spans that does not fit its entry (spans)" in messages(report, 14)


@requirement("retention.tombstones")
def test_without_a_tombstone_nothing_is_said_of_deletions() -> None:
    log = sample_log()
    report = verify_package(packaged(log, LogReader(log)), log.policy())
    assert messages(report, 14, "notice") == messages(report, 14) == ""
