"""Steps 9 to 11 for the log as a whole: its root, its checkpoints, and the heads that events state.

The leaf hashes of a range, with the hashes left and right of it, give the root at every size in the
range: the left ones are the tree's right edge where the range begins.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from tallystick.errors import VerificationError
from tallystick.tlog.checkpoint import Checkpoint, open_checkpoint, read_checkpoint
from tallystick.tlog.encoding import to_base64
from tallystick.tlog.proofs import verify_consistency, verify_range
from tallystick.tlog.tree import EMPTY_ROOT, HASH_BYTES, Frontier
from tallystick.verify.columns import check_row
from tallystick.verify.finding import Findings, Place
from tallystick.verify.keys import Trust
from tallystick.verify.source import CheckpointText, ConsistencyText, Facts


@dataclass(slots=True)
class LogRoots:
    """The roots of the log that are known, by tree size."""

    newest: Checkpoint
    roots: dict[int, bytes] = field(default_factory=lambda: {0: EMPTY_ROOT})

    def add_range(self, facts: Facts, leaves: bytes, sizes: Iterable[int]) -> None:
        """Compute the root at each of `sizes` that lies in the range, in one pass."""
        end = facts.start + len(leaves) // HASH_BYTES
        edge = Frontier(facts.start, facts.left)
        for size in sorted(size for size in set(sizes) if facts.start <= size <= end):
            done = edge.size - facts.start
            edge.extend(leaves[done * HASH_BYTES : (size - facts.start) * HASH_BYTES])
            self.roots[size] = edge.root()

    def add_claim(self, claim: ConsistencyText) -> None:
        """Check a consistency proof and take its root; raise VerificationError otherwise."""
        if claim.size:
            verify_consistency(
                claim.size, self.newest.size, claim.proof, claim.root, self.newest.root
            )
        known = self.roots.setdefault(claim.size, claim.root)
        if known != claim.root:
            raise VerificationError(
                f"two roots at size {claim.size}: the entries give {known.hex()}, "
                f"the proof is for {claim.root.hex()}"
            )


def check_root(facts: Facts, newest: Checkpoint, leaves: bytes, findings: Findings) -> None:
    """Take step 9: the entries, with the range proof, give the root of the newest checkpoint."""
    covered = leaves[: max(0, newest.size - facts.start) * HASH_BYTES]
    findings.count(9, "entries", len(covered) // HASH_BYTES)
    behind = (len(leaves) - len(covered)) // HASH_BYTES
    if behind:
        findings.notice(
            9, f"{behind} entries stand behind the newest checkpoint, which covers {newest.size}"
        )
    if facts.kind != "package" and facts.stop < newest.size:
        findings.fault(
            9, f"entries {facts.stop} to {newest.size - 1} are gone: the checkpoint covers them"
        )
    try:
        verify_range(facts.start, covered, newest.size, facts.left, facts.right, newest.root)
    except VerificationError as error:
        findings.fault(9, f"the entries do not give the checkpoint's root: {error}")


def check_newest(facts: Facts, trust: Trust, findings: Findings) -> None:
    """Step 10: the newest checkpoint is signed by the log, as are the files of a package."""
    if trust.log is None:
        findings.not_checked(10, "no trust policy: the signatures of the log were not checked")
        return
    if trust.policy is None:
        findings.not_checked(10, "the log's key was taken from what is being checked")
    findings.count(10, "signatures of the log")
    try:
        open_checkpoint(facts.checkpoint, [trust.log], trust.verify)
    except VerificationError as error:
        findings.fault(10, f"the newest checkpoint: {error}", Place(file="checkpoint"))
    if facts.file_key and facts.file_key != trust.log.public_key:
        findings.fault(1, "is not the log's key", Place(file="log-key.pem"))


def check_stored(
    stored: list[CheckpointText], facts: Facts, roots: LogRoots, trust: Trust, findings: Findings
) -> None:
    """Step 10: every other checkpoint is signed too, and states the root of its size."""
    if facts.kind == "data":
        for note, number in Counter(text.note for text in stored).items():
            if number > 1:
                message = f"{number} rows hold the same checkpoint: {note[:64]!r}"
                findings.fault(3, message, Place(table="checkpoints"))
    for text in stored:
        findings.count(10, "stored checkpoints")
        try:
            checkpoint = _open_stored(text.note, trust)
            _require_root(checkpoint, facts, roots)
        except VerificationError as error:
            findings.fault(10, f"a stored checkpoint: {error}", Place(table="checkpoints"))
            continue
        if text.columns is not None:
            expected = {"size": checkpoint.size, "root": checkpoint.root, "note": text.note}
            check_row("checkpoints", text.columns, expected, findings, f"size {checkpoint.size}")
    if facts.kind == "data" and facts.checkpoint not in {text.note for text in stored}:
        findings.fault(
            10,
            "the newest checkpoint is not in the database: a row is gone",
            Place(table="checkpoints"),
        )


def check_policy(facts: Facts, roots: LogRoots, trust: Trust, findings: Findings) -> None:
    """Step 10: what the auditor knows of the log from elsewhere holds."""
    policy = trust.policy
    if policy is None:
        return
    if roots.newest.size < policy.minimum_size:
        findings.fault(
            10, f"the log has {roots.newest.size} entries, the policy knows {policy.minimum_size}"
        )
    for note in policy.checkpoints:
        findings.count(10, "checkpoints of the policy")
        try:
            ancestor = open_checkpoint(note, [policy.log], trust.verify)
            if ancestor.size in roots.roots or ancestor.size > roots.newest.size:
                _require_root(ancestor, facts, roots)
            else:
                findings.not_checked(
                    10, f"the policy's checkpoint of size {ancestor.size} lies outside the range"
                )
        except VerificationError as error:
            findings.fault(10, f"a checkpoint of the policy: {error}")


def check_claims(claims: Iterable[ConsistencyText], roots: LogRoots, findings: Findings) -> None:
    """Step 11: the consistency proofs hold."""
    for claim in claims:
        findings.count(11, "consistency proofs")
        try:
            roots.add_claim(claim)
        except VerificationError as error:
            findings.fault(
                11,
                f"the log does not extend its head of size {claim.size}: {error}",
                Place(file="checkpoints.ndjson"),
            )


def check_heads(heads: Mapping[tuple[int, str], int], roots: LogRoots, findings: Findings) -> None:
    """Step 11: every log head that an event states is a head of this log."""
    for (size, root), log_index in heads.items():
        findings.count(11, "different log heads")
        known = roots.roots.get(size)
        place = Place(log_index=log_index)
        if known is None:
            findings.fault(11, f"no proof for the log head of size {size} that it states", place)
        elif to_base64(known) != root:
            findings.fault(
                11, f"states another log of size {size}: the log was rewritten since", place
            )


def head_sizes(
    heads: Mapping[tuple[int, str], int], stored: Iterable[CheckpointText], trust: Trust
) -> set[int]:
    """Return every tree size at which a root is wanted."""
    sizes = {size for size, _ in heads}
    notes = [text.note for text in stored]
    for note in [*notes, *(trust.policy.checkpoints if trust.policy else ())]:
        try:
            sizes.add(read_checkpoint(note).size)
        except VerificationError:
            continue  # check_stored and check_policy name it
    return sizes


def _open_stored(note: str, trust: Trust) -> Checkpoint:
    if trust.log is None:
        return read_checkpoint(note)
    return open_checkpoint(note, [trust.log], trust.verify)


def _require_root(checkpoint: Checkpoint, facts: Facts, roots: LogRoots) -> None:
    if checkpoint.origin != facts.origin:
        raise VerificationError(f"it is of {checkpoint.origin}: expected {facts.origin}")
    if checkpoint.size > roots.newest.size:
        raise VerificationError(
            f"it is of size {checkpoint.size}, larger than the newest: the log was cut"
        )
    root = roots.roots.get(checkpoint.size)
    if root != checkpoint.root:
        found = root.hex() if root else "none in this range"
        raise VerificationError(
            f"at size {checkpoint.size} it states root {checkpoint.root.hex()}: "
            f"the entries give {found}"
        )
