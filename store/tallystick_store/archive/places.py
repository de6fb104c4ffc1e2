"""What follows from an event of the same part, by the place of that event: leaves of seals, subjects of blocks.

A seal lists the leaf hashes that it covers: instead of them stand the log indexes of the events that have them, as
`leaves @7+3` for 7, 8 and 9. A block of values names nobody where its subject is that of its first event.
"""

from binascii import a2b_base64, b2a_base64
from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Final

import orjson
import pyarrow as pa

from tallystick.errors import StoreError
from tallystick.tlog.tree import HASH_BYTES, leaf_hash
from tallystick_store.archive.split import subject_of
from tallystick_store.archive.subject_keys import Subject

_LEAVES: Final = "\nleaves "
_BY_PLACE: Final = "@"
"""No base64 begins with it."""


def name_places(seals: pa.Table, places: Mapping[bytes, int]) -> pa.Table:
    """Return seals with the places of their leaves, where `places` (leaf hash -> log index) has them all."""
    bodies = [_by_places(body, places) for body in seals["body"].to_pylist()]
    return with_texts(seals, "body", bodies)


def _by_places(body: str, places: Mapping[bytes, int]) -> str:
    before, leaves, after = _parted(body)
    joined = _base64_bytes(leaves) or b""
    hashes = [joined[at : at + HASH_BYTES] for at in range(0, len(joined), HASH_BYTES)]
    found = [places[one] for one in hashes if one in places]
    if not found or len(found) < len(hashes):
        return body
    return f"{before}{_LEAVES}{_BY_PLACE}{_runs(found)}{after}"


def _runs(indexes: list[int]) -> str:
    """Print log indexes as runs: `7+3` for 7, 8, 9."""
    runs = groupby(enumerate(indexes), lambda one: one[1] - one[0])
    groups = [[index for _, index in group] for _, group in runs]
    return ",".join(f"{group[0]}+{len(group)}" for group in groups)


def _parted(body: str) -> tuple[str, str, str]:
    """Return what stands before the leaves of a seal, the leaves, and the rest."""
    before, _, behind = body.partition(_LEAVES)
    leaves, line, after = behind.partition("\n")
    return before, leaves, line + after


def name_leaves(seals: pa.Table, lines: Mapping[int, str]) -> pa.Table:
    """Return seals as they were, by the statements (log index -> line). Raises StoreError where one is missing."""
    bodies = [_with_leaves(body, lines) for body in seals["body"].to_pylist()]
    return with_texts(seals, "body", bodies)


def _with_leaves(body: str, lines: Mapping[int, str]) -> str:
    before, leaves, after = _parted(body)
    if not leaves.startswith(_BY_PLACE):
        return body
    try:
        runs = [one.partition("+") for one in leaves.removeprefix(_BY_PLACE).split(",")]
        places = [at for low, _, n in runs for at in range(int(low), int(low) + int(n))]
        joined = b"".join([leaf_hash(lines[at].encode()) for at in places])
    except (ValueError, KeyError) as error:
        raise StoreError(
            f"a seal of the archive names entries that are not in its part: {error}"
        ) from error
    return f"{before}{_LEAVES}{b2a_base64(joined, newline=False).decode()}{after}"


def leave_subjects_out(blocks: pa.Table, lines: Mapping[int, str]) -> pa.Table:
    """Return blocks of values that name no subject where it is that of their first event (log index -> line)."""
    whose = _named(blocks)
    said = [_subject(lines.get(at)) for at in blocks["log_index"].to_pylist()]
    left = [None if one == other else one for one, other in zip(whose, said, strict=True)]
    return _with_subjects(blocks, left)


def name_subjects(blocks: pa.Table, lines: Mapping[int, str]) -> pa.Table:
    """Return blocks that name their subjects again. Raises StoreError where nothing says whose one is."""
    places = zip(_named(blocks), blocks["log_index"].to_pylist(), strict=True)
    whose = [one or _subject(lines.get(at)) for one, at in places]
    if None in whose:
        raise StoreError("a block of the archive names neither a subject nor an event of its part")
    return _with_subjects(blocks, whose)


def _with_subjects(blocks: pa.Table, whose: Sequence[Subject | None]) -> pa.Table:
    for place, name in enumerate(Subject._fields):
        blocks = with_texts(blocks, name, [one and one[place] for one in whose])
    return blocks


def _named(blocks: pa.Table) -> list[Subject | None]:
    pairs = zip(*(blocks[name].to_pylist() for name in Subject._fields), strict=True)
    return [None if None in pair else Subject(*pair) for pair in pairs]


def _subject(line: str | None) -> Subject | None:
    """Return whose an event is by its statement; None where that does not say it."""
    try:
        said = orjson.loads(line or "")
        return subject_of(
            said.get("principal.ref"), said["session"], said["origin"], said.get("trace.id")
        )
    except (ValueError, LookupError, TypeError, AttributeError):
        return None


def with_texts(table: pa.Table, name: str, texts: Sequence[str | None]) -> pa.Table:
    """Return a table with other texts in a column."""
    column = pa.array(texts, pa.string())
    return table.set_column(table.column_names.index(name), name, column)


def _base64_bytes(text: str) -> bytes | None:
    """Return the bytes of a text that is their base64; None where they would be printed otherwise."""
    try:
        data = a2b_base64(text)
    except ValueError:
        return None
    return data if b2a_base64(data, newline=False).decode() == text else None
