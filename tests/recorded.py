"""Reads back what a process recorded: the spool below a home directory, in the order of its sessions."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tallystick.event import Record, parse_record
from tallystick.spool.frame import EVENT, read_frames


class Recording:
    """The records of a home directory."""

    def __init__(self, home: Path) -> None:
        self.records = list(_records(home))

    def __iter__(self) -> Iterator[Record]:
        return iter(self.records)

    def where(self, **fields: object) -> list[Record]:
        """Records whose fields have these values; `tool_name` stands for tool.name."""
        wanted = {name.replace("_", ".", 1): value for name, value in fields.items()}
        return [
            record
            for record in self.records
            if all(record.statement.get(name) == value for name, value in wanted.items())
        ]

    def calls(self, tool: str, **fields: object) -> list[Record]:
        """Records of the calls of a tool, without those of its definition."""
        found = self.where(tool_name=tool, **fields)
        return [one for one in found if one.statement["type"] != "tooldef.observed"]

    def one(self, **fields: object) -> Record:
        [found] = self.where(**fields)
        return found

    def types(self) -> list[str]:
        return [str(record.statement["type"]) for record in self.records]

    def lost(self) -> int:
        """Records that the process itself reported as lost."""
        return sum(r.statement["drop.count"] for r in self.where(type="log.drop"))

    def holes(self) -> list[tuple[str, int]]:
        """(session, first missing sequence number) of each session with a hole."""
        by_session: dict[str, list[int]] = {}
        for record in self.records:
            by_session.setdefault(record.session, []).append(record.seq)
        return [
            (session, next(n for n, seq in enumerate(seqs) if n != seq))
            for session, seqs in by_session.items()
            if sorted(seqs) != list(range(len(seqs)))
        ]


def disclosed(record: Record) -> dict[str, str]:
    return {disclosure.field: disclosure.value for disclosure in record.disclosures}


def field(record: Record, name: str) -> Any:
    return record.statement.get(name)


def _records(home: Path) -> Iterator[Record]:
    for segment in sorted((home / "spool").glob("*.spool")):
        reading = read_frames(segment.read_bytes())
        for frame in reading.frames:
            if frame.kind == EVENT:
                yield parse_record(frame.payload.decode())
