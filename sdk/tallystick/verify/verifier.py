"""The verification: one pass over the log, then the steps that need all of it.

Memory: 48 bytes an event and 64 an entry, whatever the payloads weigh. Several processes share the
pass where `jobs` says so; the result is the same.
"""

import multiprocessing
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import replace

from tallystick.errors import VerificationError
from tallystick.tlog.checkpoint import Checkpoint, read_checkpoint
from tallystick.verify.blobs import check_blobs
from tallystick.verify.context import examine_context
from tallystick.verify.deletions import check_deletions
from tallystick.verify.digest import Digest
from tallystick.verify.erasures import check_erasures
from tallystick.verify.examine import examine
from tallystick.verify.finding import Findings
from tallystick.verify.keys import Trust, check_keys, report_untrusted
from tallystick.verify.loghead import (
    LogRoots,
    check_claims,
    check_heads,
    check_newest,
    check_policy,
    check_root,
    check_stored,
    head_sizes,
)
from tallystick.verify.policy import Policy, parse_policy
from tallystick.verify.receipts import check_receipts
from tallystick.verify.report import Report
from tallystick.verify.seals import check_seals
from tallystick.verify.sessions import SessionCase, adopt_tails, check_session
from tallystick.verify.source import Facts, Source
from tallystick.verify.spans import check_spans
from tallystick.verify.tilefiles import check_tile_files


def verify(
    source: Source,
    policy: Policy | None,
    *,
    every_seal: bool = False,
    trust_claimed_keys: bool = False,
    jobs: int = 1,
) -> Report:
    """Check everything that `source` holds, step by step, under a trust policy.

    `every_seal` checks the signature of each seal, not only of the newest of each session.
    `trust_claimed_keys` lets the keys that the source states stand in for those that the policy
    lacks; the verdict is then 2 at best. What cannot be read is a fault of step 1; nothing is raised
    for garbage.
    """
    facts, findings, is_complete = source.facts, Findings(), True
    digest = Digest(facts.origin, every_seal, findings=findings)
    try:
        claimed = _claimed_policy(facts) if trust_claimed_keys else None
        _check(source, Trust(policy, claimed), digest, jobs)
    except VerificationError as error:
        findings.fault(1, str(error))
        is_complete = False
    source.check_files(findings)
    return Report(
        facts.name,
        facts.kind,
        facts.origin,
        facts.tree_size,
        facts.start,
        facts.stop,
        findings,
        policy is not None,
        is_complete,
    )


def _claimed_policy(facts: Facts) -> Policy | None:
    return parse_policy(facts.claimed_keys) if facts.claimed_keys else None


def _check(source: Source, trust: Trust, digest: Digest, jobs: int) -> None:
    facts, findings = source.facts, digest.findings
    newest = read_checkpoint(facts.checkpoint)
    _read_log(source, digest, jobs)
    examine_context(source.context(), facts, newest, digest)
    check_erasures(digest, facts)
    _check_sessions(digest, facts, trust)
    leaves = bytes(digest.leaves)
    check_root(facts, newest, leaves, findings)
    if facts.kind == "data":
        check_tile_files(source, leaves, findings)
    _check_heads(source, digest, leaves, newest, trust)
    check_spans(digest.signed_spans, digest.span_records, findings)
    check_receipts(digest)
    check_deletions(digest, facts, source.deletion_sets())
    check_blobs(source, digest)


def _read_log(source: Source, digest: Digest, jobs: int) -> None:
    """Take steps 2 to 4 and 8: examine every piece, here or in other processes, in order."""
    facts = source.facts
    log_index = facts.start
    for part in _digests(source, digest.keep_notes, jobs):
        digest.merge(part, log_index)
        log_index = facts.start + digest.entry_count
    if log_index != facts.stop:
        digest.findings.fault(
            8, f"{log_index - facts.start} entries: expected {facts.stop - facts.start}"
        )
    if facts.counts is not None and facts.counts != digest.kinds:
        digest.findings.fault(
            8, f"entries by kind: the manifest says {facts.counts}, found {digest.kinds}"
        )


def _digests(source: Source, keep_notes: bool, jobs: int) -> Iterator[Digest]:
    facts = replace(source.facts, checkpoint="", claimed_keys="", left=(), right=())
    if jobs <= 1:
        for piece in source.pieces():
            yield examine(piece, facts, keep_notes=keep_notes)
        return
    spawn = multiprocessing.get_context("spawn")
    waiting: deque[Future[Digest]] = deque()
    try:
        with ProcessPoolExecutor(jobs, mp_context=spawn) as pool:
            for piece in source.pieces():
                waiting.append(pool.submit(examine, piece, facts, keep_notes=keep_notes))
                if len(waiting) > 2 * jobs:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
    except BrokenProcessPool as error:
        raise VerificationError(
            "a process of the verifier died: run it again with --jobs 1"
        ) from error


def _check_sessions(digest: Digest, facts: Facts, trust: Trust) -> None:
    """Take steps 5 to 7."""
    findings = digest.findings
    cases: dict[str, SessionCase] = {}
    for session in digest.sessions.values():
        session.sort_runs(keep_notes=digest.keep_notes)
        opening = check_keys(session, trust, findings)
        sealed = check_seals(session, opening.key, trust.verify, findings, is_whole=facts.is_whole)
        cases[session.session] = SessionCase(session, opening, sealed)
    report_untrusted([case.opening for case in cases.values()], trust, findings)
    adopt_tails(cases, digest.recoveries, findings, is_whole=facts.is_whole)
    for case in cases.values():
        check_session(
            case, findings, is_whole=facts.is_whole, is_newest=facts.stop >= facts.tree_size
        )


def _check_heads(
    source: Source, digest: Digest, leaves: bytes, newest: Checkpoint, trust: Trust
) -> None:
    """Take steps 10 and 11."""
    facts, findings = source.facts, digest.findings
    stored, roots = list(source.checkpoints()), LogRoots(newest)
    check_newest(facts, trust, findings)
    try:
        roots.add_range(facts, leaves, head_sizes(digest.heads, stored, trust))
    except VerificationError as error:
        findings.fault(9, f"the range proof: {error}")
    check_claims(source.consistency(), roots, findings)
    check_stored(stored, facts, roots, trust, findings)
    check_policy(facts, roots, trust, findings)
    check_heads(digest.heads, roots, findings)
