"""A Log whose entries go into a real store: the same sessions, the product's own tables and files."""

from pathlib import Path

from tallystick.event import parse_record
from tallystick.tlog.seal import parse_seal
from tallystick.verify.source import EventText, SealText
from tallystick_store.rows import Admitted, EventRow, Row, SealRow, SpanBatch, SpanRow
from tallystick_store.store import Store
from tests.builder import SECOND_US, Content, Log


class StoreLog(Log):
    """A tenant log in a data directory; each accepted content is a commit of its own."""

    def __init__(self, directory: Path) -> None:
        super().__init__()
        self.directory = directory
        self.store = Store.open(directory, self.signer(), publish_interval_s=None)

    def accept(self, content: Content, sender: str = "sender-1") -> int:
        index = self.store.size
        self.now_us += SECOND_US
        group = self.store.group()
        group.add(Admitted(sender, (row_of(content),), None), self.now_us)
        self.store.commit(group)
        return index

    def publish(self) -> str:
        self.store.publisher.publish_now()
        newest = self.store.checkpoint
        assert newest is not None
        self.notes.append(newest.note)
        return newest.note


def row_of(content: Content) -> Row:
    """Return what admission hands to the store for a content."""
    if isinstance(content, EventText):
        return EventRow(parse_record("\n".join([content.statement, *content.disclosures])))
    if isinstance(content, SealText):
        seal = parse_seal(content.body)
        return SealRow(content.body, seal, seal.origin.rpartition("/")[2])
    return SpanBatch(tuple(SpanRow.of(record.encode()) for record in content.records))
