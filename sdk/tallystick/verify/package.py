"""An evidence package as a source: a zip whose manifest, digests and signature are step 1.

manifest.json  SHA256SUMS  SHA256SUMS.sig  log-key.pem  checkpoint
entries.ndjson  range-proof.json  events.ndjson  seals.ndjson  spans.ndjson
context.ndjson  checkpoints.ndjson  policy-claimed.txt  verify.py  README.txt

A package with a report has the files of REPORT_FILES too, one whose disclosures name blobs BLOBS_FILE, one of
which entries were deleted DELETION_FILES; step 1 checks that they are those signed.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Final

from tallystick.errors import VerificationError
from tallystick.tlog.checkpoint import read_checkpoint
from tallystick.tlog.ed25519 import load_verify
from tallystick.verify.archive import Archive
from tallystick.verify.finding import Findings, Place
from tallystick.verify.lines import (
    MAX_LINE_BYTES,
    LineKeys,
    parse_blob_line,
    parse_context_line,
    parse_head_line,
    parse_set_line,
    read_hashes,
    read_object,
)
from tallystick.verify.manifest import (
    BLOBS_FILE,
    CONTENT_FILES,
    DELETED_FILE,
    DELETION_FILES,
    MANIFEST_FILE,
    PACKAGE_FILES,
    REPORT_FILES,
    SETS_FILE,
    UNSIGNED_FILES,
    parse_manifest,
    parse_public_key,
    parse_sums,
)
from tallystick.verify.pieces import LineContent, LineQueue, cut_pieces
from tallystick.verify.source import (
    BlobBlocks,
    CheckpointText,
    ConsistencyText,
    ContextText,
    Facts,
    Piece,
)

_RANGE_PROOF_KEYS: Final[LineKeys] = {"left": list, "right": list}
_CONTENTS: Final = ("events", "seals", "spans")
_DELETED: Final = "deleted"


class PackageSource:
    """Reads one package. Raises VerificationError for what is no package at all."""

    def __init__(self, path: Path) -> None:
        """Open the package and read everything but its lines."""
        self._archive = Archive(path, PACKAGE_FILES, REPORT_FILES, (BLOBS_FILE,), DELETION_FILES)
        self._signed_files = (*CONTENT_FILES, *self._archive.extras, MANIFEST_FILE)
        try:
            self._manifest = parse_manifest(self._archive.read(MANIFEST_FILE))
            self._facts = self._read_facts(path.name)
        except VerificationError:
            self.close()
            raise
        self._without_entry: dict[str, int] = {}

    @property
    def facts(self) -> Facts:
        """What the manifest, the checkpoint and the range proof claim."""
        return self._facts

    def pieces(self) -> Iterator[Piece]:
        """Yield the entries with the lines that belong to them."""
        contents = {
            name: LineQueue(self._archive.lines(f"{name}.ndjson", MAX_LINE_BYTES))
            for name in _CONTENTS
        }
        contents[_DELETED] = LineQueue(self._deleted_lines())
        entries = self._archive.lines("entries.ndjson", MAX_LINE_BYTES)
        yield from cut_pieces(entries, contents, self._facts.start)
        self._without_entry = {name: queue.drain() for name, queue in contents.items()}

    def context(self) -> Iterator[ContextText]:
        """Yield the records outside the range that it needs."""
        return self._parsed("context.ndjson", parse_context_line)

    def checkpoints(self) -> Iterator[CheckpointText]:
        """Yield the stored checkpoints in the range."""
        heads = self._parsed("checkpoints.ndjson", parse_head_line)
        return (head for head in heads if isinstance(head, CheckpointText))

    def consistency(self) -> Iterator[ConsistencyText]:
        """Yield the proofs for the log heads that events state."""
        heads = self._parsed("checkpoints.ndjson", parse_head_line)
        return (head for head in heads if isinstance(head, ConsistencyText))

    def deletion_sets(self) -> Iterator[tuple[int, str]]:
        """Yield the whole set of each deletion that the range has a part of."""
        if SETS_FILE in self._archive.extras:
            yield from self._parsed(SETS_FILE, parse_set_line)

    def log_files(self) -> Iterator[str]:
        """Yield nothing: a package has no tiles."""
        return iter(())

    def log_file(self, _path: str, /) -> bytes | None:
        """Return None: a package has no tiles."""
        return None

    def blobs(self, wanted: Iterable[str], /) -> Iterator[BlobBlocks]:
        """Yield the blobs of the package, in its order, and then those that it lacks."""
        missing, last = set(wanted), ""
        for sha256, content in self._parsed(BLOBS_FILE, parse_blob_line):
            if sha256 not in missing or sha256 < last:
                raise VerificationError(f"{BLOBS_FILE} holds a blob twice, astray or for nobody")
            missing.discard(sha256)
            last = sha256
            yield BlobBlocks(sha256, (content,))
        yield from (BlobBlocks(sha256, None) for sha256 in sorted(missing))

    def check_files(self, findings: Findings) -> None:
        """Take step 1: digests, signature, and lines that belong to no entry."""
        for name, count in self._without_entry.items():
            if count:
                place = Place(file=f"{name}.ndjson")
                findings.fault(8, f"{count} lines belong to no entry of the package", place)
        try:
            self._check_digests(findings)
            self._check_signature()
        except VerificationError as error:
            findings.fault(1, str(error))

    def close(self) -> None:
        """Close the zip."""
        self._archive.close()

    def _deleted_lines(self) -> Iterator[bytes]:
        is_here = DELETED_FILE in self._archive.extras
        return self._archive.lines(DELETED_FILE, MAX_LINE_BYTES) if is_here else iter(())

    def _parsed(self, name: str, parse: Callable[[bytes], LineContent]) -> Iterator[LineContent]:
        for number, line in enumerate(self._archive.lines(name, MAX_LINE_BYTES), 1):
            try:
                yield parse(line)
            except VerificationError as error:
                raise VerificationError(f"{name}, line {number}: {error}") from error

    def _read_facts(self, name: str) -> Facts:
        manifest = self._manifest
        note = self._read_text("checkpoint")
        checkpoint = read_checkpoint(note)
        start, stop = manifest["from_index"], manifest["to_index"]
        stated = (manifest["origin"], manifest["tree_size"])
        if stated != (checkpoint.origin, checkpoint.size):
            raise VerificationError("the manifest and the checkpoint name another log or tree size")
        if not 0 <= start <= stop <= checkpoint.size:
            raise VerificationError(f"[{start}, {stop}) is no range of {checkpoint.size} entries")
        proof = read_object(
            self._archive.read("range-proof.json"), _RANGE_PROOF_KEYS, "range-proof.json"
        )
        return Facts(
            kind="package",
            name=name,
            origin=checkpoint.origin,
            checkpoint=note,
            tree_size=checkpoint.size,
            start=start,
            stop=stop,
            left=read_hashes(proof["left"], "the range proof"),
            right=read_hashes(proof["right"], "the range proof"),
            times_us=(manifest["from_us"], manifest["to_us"]),
            counts=manifest["counts"],
            holds_blobs=BLOBS_FILE in self._archive.extras,
            claimed_keys=self._read_text("policy-claimed.txt"),
            file_key=parse_public_key(self._read_text("log-key.pem")),
        )

    def _read_text(self, name: str) -> str:
        try:
            return self._archive.read(name).decode("utf-8")
        except UnicodeDecodeError as error:
            raise VerificationError(f"{name} is not UTF-8 text") from error

    def _check_digests(self, findings: Findings) -> None:
        findings.count(1, "files", len(self._signed_files) + len(UNSIGNED_FILES))
        digests = {name: self._archive.digest(name) for name in self._signed_files}
        _compare_digests("SHA256SUMS", parse_sums(self._read_text("SHA256SUMS")), digests, findings)
        del digests[MANIFEST_FILE]
        _compare_digests("the manifest", self._manifest["files"], digests, findings)

    def _check_signature(self) -> None:
        sums, signature = self._archive.read("SHA256SUMS"), self._archive.read("SHA256SUMS.sig")
        if not load_verify()(self._facts.file_key, signature, sums):
            raise VerificationError("SHA256SUMS.sig is no signature of SHA256SUMS by log-key.pem")


def _compare_digests(
    who: str, stated: Mapping[str, str], digests: Mapping[str, str], findings: Findings
) -> None:
    for name in sorted(stated.keys() | digests.keys()):
        if stated.get(name) != digests.get(name):
            findings.fault(1, f"is not the file that {who} names", Place(file=name[:64]))
