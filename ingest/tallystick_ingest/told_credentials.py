"""Credentials that ask a question, told in a terminal: what was passed on, and what several use."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from tallystick_ingest.terminal import cut, inert
from tallystick_ingest.told import moment

Shape = Mapping[str, Any]

NOTHING: Final = "No credential that is recorded here was passed on, and none is used by several."
HINT: Final = "named by a keyed digest   its last call: tallystick trace ID   whole answers: --json"
_SECONDS: Final = len("2026-11-22 19:12:03")
_DIGEST_DIGITS: Final = 12


def credential_lines(passed_on: Sequence[Shape], shared: Sequence[Shape], width: int) -> list[str]:
    """Tell all findings in at most `width` columns, in the order in which they are given."""
    if not passed_on and not shared:
        return [cut(NOTHING, width)]
    lines = [line for one in passed_on for line in _passed_on_lines(one)]
    lines += [line for one in shared for line in _shared_lines(one)]
    return [cut(line, width) for line in [*lines, HINT]]


def _passed_on_lines(one: Shape) -> Iterator[str]:
    yield f"PASSED ON   {_credential(one)}"
    yield f"   received by {_name(one['received_by'])}, which sent it to {_name(one['passed_on_to'])}"
    yield _last(one)


def _shared_lines(one: Shape) -> Iterator[str]:
    yield f"SHARED      {_credential(one)}"
    if one["principals"] > 1:
        yield f"   principals  {one['principals']}"
    for name in ("clients", "agents", "servers"):
        if len(one[name]) > 1:
            yield f"   {name:<11} {', '.join(_name(each) for each in one[name])}"
    if one["has_more_names"]:
        yield "   and more names than are given here"
    yield _last(one)


def _credential(one: Shape) -> str:
    digest = inert(str(one["credential_ref"]))[:_DIGEST_DIGITS]
    return f"{inert(str(one['kind'])) or 'credential'} {digest}"


def _last(one: Shape) -> str:
    trace = inert(str(one["trace_id"]))
    calls = f"   {one['calls']} calls, last {moment(one['last_us'])[:_SECONDS]} UTC"
    return f"{calls}   trace {trace}" if trace else calls


def _name(name: object) -> str:
    return inert(str(name)) or "a server without a name"
