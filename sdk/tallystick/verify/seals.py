"""Step 6: the seals of one session give one tree, and its own key signed it.

Seals that follow each other by size and root form a run; the signature over the last root of a run
vouches for all its leaves. Two seals that give different leaves for one position, or whose trees do
not extend each other, are equivocation.
"""

from dataclasses import dataclass, replace

from tallystick.errors import VerificationError
from tallystick.tlog.checkpoint import open_checkpoint
from tallystick.tlog.ed25519 import Ed25519Verify
from tallystick.tlog.note import VerifierKey
from tallystick.tlog.tree import HASH_BYTES, root_of
from tallystick.verify.digest import SealRun, SessionDigest
from tallystick.verify.finding import Findings, Place


@dataclass(slots=True)
class SealedLeaves:
    """Leaves [start, end) of a session that its own key has signed."""

    start: int
    start_root: bytes
    end_root: bytes
    hashes: bytearray

    @property
    def end(self) -> int:
        """The leaf behind the last."""
        return self.start + len(self.hashes) // HASH_BYTES

    def part(self, start: int, end: int) -> bytes:
        """Return the leaf hashes of [start, end), which lies inside."""
        offset = self.start
        return bytes(self.hashes[(start - offset) * HASH_BYTES : (end - offset) * HASH_BYTES])

    def root_at(self, size: int) -> bytes | None:
        """Return the root of the session's tree at a size inside; None where it is not known."""
        if size == self.start:
            return self.start_root
        if size == self.end:
            return self.end_root
        return root_of(self.part(0, size)) if self.start == 0 else None


def check_seals(
    digest: SessionDigest,
    key: VerifierKey | None,
    verify: Ed25519Verify,
    findings: Findings,
    *,
    is_whole: bool,
) -> list[SealedLeaves]:
    """Check the seals of a session; return what they seal, in order and without overlap.

    `is_whole` says that every seal of the session is here, so that a gap between two is a fault.
    """
    if key is None:
        if digest.runs:
            findings.fault(6, "the seals' key is unknown", Place(session=digest.session))
        return []
    sealed: list[SealedLeaves] = []
    for run in digest.runs:
        if _signatures_hold(run, digest.session, key, verify, findings):
            _join(run, sealed, digest.session, findings, is_whole=is_whole)
    return sealed


def _signatures_hold(
    run: SealRun, session: str, key: VerifierKey, verify: Ed25519Verify, findings: Findings
) -> bool:
    holds = True
    for log_index, note in run.notes:
        findings.count(6, "signatures")
        try:
            open_checkpoint(note, [key], verify)
        except VerificationError as error:
            place = Place(log_index=log_index, session=session)
            findings.fault(6, f"the seal is not signed by its session: {error}", place)
            holds = False
    return holds


def _join(
    run: SealRun,
    sealed: list[SealedLeaves],
    session: str,
    findings: Findings,
    *,
    is_whole: bool,
) -> None:
    last = sealed[-1] if sealed else None
    end = last.end if last else 0
    if last is None or run.start > end:
        if is_whole and run.start > end:
            message = f"no seal for leaves {end} to {run.start - 1}, on which a later seal builds"
            findings.fault(6, message, Place(session=session, seq=end))
        sealed.append(SealedLeaves(run.start, run.start_root, run.end_root, run.leaves))
        return
    _check_extends(run, last, session, findings)
    if run.end > end:
        last.hashes += run.leaves[(end - run.start) * HASH_BYTES :]
        last.end_root = run.end_root


def _check_extends(run: SealRun, known: SealedLeaves, session: str, findings: Findings) -> None:
    """Compare a run with the leaves that are sealed already, from its start on."""
    place = Place(log_index=run.notes[-1].log_index, session=session)
    for seq in range(run.start, min(known.end, run.end)):
        leaf = run.leaves[(seq - run.start) * HASH_BYTES : (seq - run.start + 1) * HASH_BYTES]
        if leaf != known.part(seq, seq + 1):
            findings.fault(
                6, "equivocation: two seals give different leaves", replace(place, seq=seq)
            )
            return
    root = known.root_at(run.start)
    if root is None:
        findings.not_checked(6, "a seal repeats leaves of another in the midst of a session", place)
    elif root != run.start_root:
        findings.fault(
            6, f"equivocation: a seal builds on another tree of {run.start} leaves", place
        )
