"""Answers on tools: which are known, and how their definitions changed."""

from typing import Any

from tallystick_ingest.api.answers.form import (
    AbsentShape,
    Answer,
    Count,
    FaultShape,
    Index,
    Listing,
)


class _Flagged(Answer):
    """What a definition holds that a person would not see; null: nobody looked."""

    flags: dict[str, Count] | None
    notices: dict[str, Count] | None
    """Kinds that honest definitions hold as well."""


class ToolShape(_Flagged):
    """One tool as one side saw it, and its newest definition."""

    observer: str
    tool: str
    server: str
    server_ref: str
    service: str
    agent: str
    digest: str
    first_us: int
    last_us: int
    versions: Count
    emitters: Count
    changes: Count
    changed_us: int | None
    moved_us: int | None
    """When a server of this name was first seen at this address, after another one."""
    former_digest: str | None
    """Digest under which the server offered it at its former address."""
    is_listed: bool
    log_index: Index | None
    """Place of the newest definition in the log."""
    sealing: str | None
    faults: list[FaultShape]


class ToolsAnswer(Listing):
    """One page of tools, those first whose definition changed."""

    tools: list[ToolShape]
    after: str | None
    """Cursor of the next page; null: this is the last one."""


class MemberDiffShape(Answer):
    """One member that differs; lines begin with `-`, `+` or a blank."""

    member: str
    lines: list[str]


class VersionShape(_Flagged):
    """One definition of a tool, and how it differs from the one before."""

    log_index: int
    time_us: int
    emitter: str
    digest: str
    previous_digest: str | None
    changed: list[str]
    diff: list[MemberDiffShape]
    findings: list[Any]
    definition: str | None
    """As it was offered, masked, JSON text."""
    absent: AbsentShape | None
    """Disclosures of the record that are not here; null: all are."""
    sealing: str
    faults: list[FaultShape]


class HistoryAnswer(Listing):
    """The definitions of one tool, newest first."""

    versions: list[VersionShape]
