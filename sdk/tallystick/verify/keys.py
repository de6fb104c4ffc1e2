"""Step 5: who vouches for each session.

A session's first leaf states the session's key and a DSSE envelope in which an emitter's identity
key names it. The emitter's key is taken from the trust policy. Where the auditor has said so, keys
that the source itself claims stand in for it; such a session is checked and not trusted.
"""

from dataclasses import dataclass, field
from typing import Final

from tallystick.errors import VerificationError
from tallystick.tlog.dsse import open_envelope
from tallystick.tlog.ed25519 import Ed25519Verify, load_verify
from tallystick.tlog.note import VerifierKey, parse_vkey
from tallystick.verify.digest import SESSION_PREFIX, OpenStatement, SessionDigest
from tallystick.verify.finding import Findings, Place
from tallystick.verify.lines import LineKeys, read_object
from tallystick.verify.policy import Policy

SESSION_PAYLOAD_TYPE: Final = "application/vnd.tallystick.session+json"
_DELEGATION_KEYS: Final[LineKeys] = {"emitter": str, "key": str, "session": str, "time_us": int}


@dataclass(frozen=True, slots=True)
class Trust:
    """Whose keys are believed: those of the policy, and those that the source claims, if at all."""

    policy: Policy | None
    claimed: Policy | None
    """None unless the auditor asked for the keys of the source."""
    verify: Ed25519Verify = field(default_factory=load_verify)

    @property
    def log(self) -> VerifierKey | None:
        """The log's key: the policy's, else the claimed one."""
        source = self.policy or self.claimed
        return source.log if source else None

    def emitter(self, name: str, key_id: str) -> VerifierKey | None:
        """Return an emitter's key: the policy's, else the claimed one."""
        for source in (self.policy, self.claimed):
            key = source.emitter(name, key_id) if source else None
            if key is not None:
                return key
        return None

    def is_trusted(self, name: str, key_id: str) -> bool:
        """Whether the policy names this emitter."""
        return self.policy is not None and self.policy.emitter(name, key_id) is not None


@dataclass(frozen=True, slots=True)
class Opening:
    """What step 5 makes of a session."""

    session: str
    key: VerifierKey | None
    """The session's key; None when no session.open states a usable one."""
    emitter: tuple[str, str]
    """Name and key id of the emitter that the session.open states."""
    is_delegated: bool
    """Whether an emitter's key was at hand, and its signature over the session's key holds."""


def check_keys(digest: SessionDigest, trust: Trust, findings: Findings) -> Opening:
    """Check who opened a session and that all of it came from one sender."""
    findings.count(5, "sessions")
    _check_senders(digest, findings)
    statement = _opening_statement(digest, findings)
    if statement is None:
        return Opening(digest.session, None, ("", ""), is_delegated=False)
    place = Place(log_index=statement.log_index, session=digest.session)
    emitter = (statement.emitter_name, statement.emitter_key_id)
    try:
        key = _session_key(digest.session, statement)
    except VerificationError as error:
        findings.fault(5, f"the session's key cannot be used: {error}", place)
        return Opening(digest.session, None, emitter, is_delegated=False)
    is_delegated = False
    emitter_key = trust.emitter(*emitter)
    if emitter_key is not None:
        is_delegated = _check_delegation(digest.session, statement, emitter_key, trust, findings)
    return Opening(digest.session, key, emitter, is_delegated)


def _check_senders(digest: SessionDigest, findings: Findings) -> None:
    for sender, log_index in list(digest.senders.items())[1:]:
        findings.fault(
            5,
            f"a part of the session came from {sender}, its first from {next(iter(digest.senders))}",
            Place(log_index=log_index, session=digest.session),
        )


def _opening_statement(digest: SessionDigest, findings: Findings) -> OpenStatement | None:
    place = Place(session=digest.session)
    if not digest.opens:
        findings.fault(5, "no session.open: nobody vouches for the session", place)
        return None
    if len(digest.opens) > 1:
        findings.fault(5, f"{len(digest.opens)} session.open: expected one", place)
    statement = digest.opens[0]
    if statement.seq != 0:
        findings.fault(5, f"session.open is leaf {statement.seq}: expected 0", place)
    return statement


def _session_key(session: str, statement: OpenStatement) -> VerifierKey:
    key = parse_vkey(statement.session_key)
    if key.name != SESSION_PREFIX + session:
        raise VerificationError(f"it is named {key.name}: expected {SESSION_PREFIX}{session}")
    return key


def _check_delegation(
    session: str,
    statement: OpenStatement,
    emitter_key: VerifierKey,
    trust: Trust,
    findings: Findings,
) -> bool:
    findings.count(5, "delegations")
    try:
        payload = open_envelope(
            statement.delegation, SESSION_PAYLOAD_TYPE, emitter_key, trust.verify
        )
        _require_delegated(payload, session, statement)
    except VerificationError as error:
        findings.fault(
            5, f"not delegated: {error}", Place(log_index=statement.log_index, session=session)
        )
        return False
    return True


def _require_delegated(payload: bytes, session: str, statement: OpenStatement) -> None:
    said = read_object(payload, _DELEGATION_KEYS, "the delegation")
    right = (statement.emitter_name, statement.session_key, session)
    if (said["emitter"], said["key"], said["session"]) != right:
        raise VerificationError("the delegation names another emitter, key or session")


def report_untrusted(openings: list[Opening], trust: Trust, findings: Findings) -> None:
    """Name each emitter that the policy does not, once: exit 2 at best."""
    sessions: dict[tuple[str, str], int] = {}
    for opening in openings:
        if opening.key is not None and not trust.is_trusted(*opening.emitter):
            sessions[opening.emitter] = sessions.get(opening.emitter, 0) + 1
    for (name, key_id), number in sessions.items():
        findings.not_checked(
            5, f"the emitter {name}+{key_id} of {number} sessions is not in the trust policy"
        )
