"""Write an evidence package: one range of the log, with all that it takes to verify it elsewhere.

The same log and arguments give the same bytes. Nothing is kept
in memory but the sequence numbers of the range and its context. Signed with the log's key over
SHA256SUMS, as `docs/spec/package.md` says.
"""

import contextlib
import zipfile
from collections.abc import Iterable, Iterator
from importlib import metadata
from typing import BinaryIO

from tallystick.errors import StoreError, VerificationError
from tallystick.profile import JsonValue, encode
from tallystick.tlog.checkpoint import read_checkpoint
from tallystick.tlog.encoding import from_base64
from tallystick.tlog.tree import require_hash
from tallystick.verify.authority import index_ranges
from tallystick.verify.blobs import read_blob_claims
from tallystick.verify.bundle import bundle
from tallystick.verify.finding import Findings
from tallystick.verify.lines import (
    print_blob_line,
    print_checkpoint_line,
    print_consistency_line,
    print_content_line,
    print_context_line,
    print_hashes,
    print_set_line,
)
from tallystick.verify.manifest import BLOBS_FILE, DELETED_FILE, PACKAGE_FORMAT, SETS_FILE
from tallystick.verify.source import (
    CheckpointText,
    ConsistencyText,
    ContextText,
    DeletedText,
    EventText,
    SealText,
)
from tallystick_store.checkpoints import LogSigner
from tallystick_store.evidence.files import FileWriter, ZipWriter, seal_package
from tallystick_store.evidence.reader import EvidenceReader
from tallystick_store.evidence.readme import README
from tallystick_store.evidence.selection import ContextContent, Selection


def write_package(
    reader: EvidenceReader,
    from_us: int,
    to_us: int,
    out: BinaryIO,
    signer: LogSigner,
    created_us: int,
) -> dict[str, JsonValue]:
    """Write the package of what was received in [from_us, to_us); return its manifest.

    `out` is seekable, since the size of each file stands in front of it. The range ends at the
    reader's checkpoint: publish before. Raises StoreError for what cannot be read.
    """
    if not out.seekable():
        raise StoreError("a package is written to a file that can be sought in: give another one")
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        writer = ZipWriter(archive)
        manifest = write_contents(reader, from_us, to_us, writer)
        return seal_package(writer, {**manifest, "created_us": created_us}, signer)


def write_contents(
    reader: EvidenceReader,
    from_us: int,
    to_us: int,
    writer: FileWriter,
    *,
    readme: str = README,
) -> dict[str, JsonValue]:
    """Write CONTENT_FILES, and BLOBS_FILE where a disclosure names a blob; return what a manifest says of them.

    Files and time are not in it. Rows that were changed from outside are written as they are: the verifier names them.
    """
    start, stop = reader.received_between(from_us, to_us)
    counts = _write_records(reader, start, stop, writer)
    _write_rest(reader, start, stop, writer, readme)
    return {
        "counts": counts,
        "format": PACKAGE_FORMAT,
        "from_index": start,
        "from_us": from_us,
        "origin": read_checkpoint(reader.checkpoint).origin,
        "software": f"tallystick {metadata.version('tallystick')}",
        "to_index": stop,
        "to_us": to_us,
        "tree_size": reader.tree_size,
    }


def _write_records(
    reader: EvidenceReader, start: int, stop: int, writer: FileWriter
) -> dict[str, int]:
    """Write the range and its context, and the proofs for the heads that its events state."""
    selection, named = Selection(reader, start, stop), set[str]()
    writer.write_lines("entries.ndjson", reader.entries(start, stop))
    counts = {
        "event": writer.write_lines(
            "events.ndjson", _event_lines(reader.stored_events(start, stop), selection, named)
        ),
        "seal": writer.write_lines(
            "seals.ndjson", _seal_lines(reader.stored_seals(start, stop), selection)
        ),
        "spans": writer.write_lines(
            "spans.ndjson", map(print_content_line, reader.stored_spans(start, stop))
        ),
    }
    deleted = list(reader.deleted(start, stop))
    for text in deleted:
        selection.observe_deleted(text)
    context = selection.context()
    if selection.authorised:
        writer.write_lines(DELETED_FILE, map(print_content_line, deleted))
        sets = sorted(reader.deletion_sets(selection.authorised).items())
        writer.write_lines(
            SETS_FILE, (print_set_line(index, index_ranges(found)) for index, found in sets)
        )
        for text in deleted:
            counts[text.kind] += 1
    if named:
        writer.write(BLOBS_FILE, _blob_lines(reader, named))
    writer.write_lines("context.ndjson", _context_lines(reader, context))
    writer.write_lines("checkpoints.ndjson", _head_lines(reader, start, stop, selection))
    return {kind: count for kind, count in counts.items() if count}


def _write_rest(
    reader: EvidenceReader, start: int, stop: int, writer: FileWriter, readme: str
) -> None:
    left, right = reader.range_proof(start, stop)
    proof = {"left": print_hashes(left), "right": print_hashes(right)}
    writer.write("checkpoint", [reader.checkpoint.encode()])
    writer.write("range-proof.json", [encode(proof)])
    writer.write("policy-claimed.txt", [reader.claimed_keys.encode()])
    writer.write("verify.py", [bundle().encode()])
    writer.write("README.txt", [readme.encode()])


def _event_lines(
    events: Iterable[EventText], selection: Selection, named: set[str]
) -> Iterator[bytes]:
    """Yield the lines of events; note in `named` the blobs that their disclosures name."""
    for event in events:
        selection.observe_event(event)
        named.update(read_blob_claims([event], Findings()))
        yield print_content_line(event)


def _blob_lines(reader: EvidenceReader, named: set[str]) -> Iterator[bytes]:
    """Yield the blobs that there are, as they are: of others the verifier says that they are missing."""
    for sha256 in sorted(named):
        content = reader.blob(sha256)
        if content is not None:
            yield print_blob_line(sha256, content) + b"\n"


def _seal_lines(seals: Iterable[SealText], selection: Selection) -> Iterator[bytes]:
    for seal in seals:
        selection.observe_seal(seal)
        yield print_content_line(seal)


def _context_lines(
    reader: EvidenceReader, context: Iterable[tuple[int, ContextContent]]
) -> Iterator[bytes]:
    for log_index, content in context:
        entry = next(reader.entries(log_index, log_index + 1), None)
        if entry is None:
            continue  # a row that is gone: its place in the range says so
        yield print_context_line(
            ContextText(
                log_index,
                entry.decode(),
                tuple(reader.inclusion_proof(log_index)),
                content.statement if isinstance(content, EventText) else None,
                content.body if isinstance(content, SealText) else None,
                content if isinstance(content, DeletedText) else None,
            )
        )


def _head_lines(
    reader: EvidenceReader, start: int, stop: int, selection: Selection
) -> Iterator[bytes]:
    for note in reader.checkpoints(start, stop):
        yield print_checkpoint_line(CheckpointText(note))
    for size, roots in sorted(selection.heads.items()):
        if not 0 <= size <= reader.tree_size:
            continue  # no head of this log: the verifier says so of the event
        proof = tuple(reader.consistency_proof(size)) if size else ()
        for root in sorted(roots):
            with contextlib.suppress(VerificationError):  # not a hash: the same
                claim = ConsistencyText(size, _hash(root), proof)
                yield print_consistency_line(claim)


def _hash(text: str) -> bytes:
    value = from_base64(text, "a log head")
    require_hash(value, "a log head")
    return value
