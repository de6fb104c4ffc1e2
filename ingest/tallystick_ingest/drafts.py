"""What the service says of itself: the events of its own session, ready to be numbered and sealed.

Every text that somebody else chose, such as the name of an API key, is masked here.
"""

import os
import platform
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Final, Literal

import tallystick_ingest
from tallystick.clock import Clock
from tallystick.event import Statement
from tallystick.profile import JsonValue, encode
from tallystick.recording.masked import Masking
from tallystick_ingest.admission import Origin
from tallystick_ingest.auth.api_keys import ApiKey
from tallystick_ingest.auth.gate import Caller
from tallystick_ingest.auth.limits import CallerLimits
from tallystick_ingest.auth.reaches import recorded_reach
from tallystick_ingest.prepared import NATIVE, Prepared
from tallystick_ingest.stated_identity import joined, state_identity
from tallystick_ingest.verdict import Refusal, counts
from tallystick_store.governance.requests import Person

SERVICE_NAME: Final = "tallystick"
SDK_NAME: Final = "tallystick_ingest"

AccessType = Literal[
    "access.read", "access.search", "access.export", "access.login", "access.reveal"
]
KeyPurpose = Literal["emitter", "log", "api"]


@dataclass(frozen=True, slots=True)
class Drafts:
    """Makes the service's events. Safe to use from several threads."""

    masking: Masking
    clock: Clock

    def opening(self, instance: str) -> Prepared:
        """Say what runs here: for session.open."""
        return self._draft(
            "session.open",
            {
                "service.name": SERVICE_NAME,
                "service.version": tallystick_ingest.VERSION,
                "service.instance_id": instance,
                "sdk.name": SDK_NAME,
                "sdk.version": tallystick_ingest.VERSION,
                "process.pid": os.getpid(),
                "process.runtime": f"{platform.python_implementation()} {platform.python_version()}",
            },
        )

    def heartbeat(self) -> Prepared:
        """Say that the service lives; the session adds its size."""
        return self._draft("session.heartbeat", {})

    def close(self, reason: str) -> Prepared:
        """Say that the service ends in order; the session adds its size."""
        return self._draft("session.close", {"session.reason": reason})

    def pause(self, reason: str) -> Prepared:
        """Say that the log is no longer signed."""
        return self._draft("log.pause", {"drop.reason": reason})

    def changed(self, what: str, value: str) -> Prepared:
        """Say that something was set up: what it is, and its name or value."""
        return self._draft("config.changed", {"config.name": what, "config.value": value})

    def key_added(self, name: str, vkey: str, purpose: KeyPurpose) -> Prepared:
        """Say that a key is trusted from here on; `vkey` is empty for an API key."""
        stated: Statement = {"key.name": name, "key.purpose": purpose}
        return self._draft("key.added", {**stated, "key.vkey": vkey} if vkey else stated)

    def api_key_added(self, key: ApiKey, by: Caller | None) -> Prepared:
        """Say that an API key is let in, what it may do, and who made it (None: the service)."""
        reach = {
            name: self._masked(patterns) for name, patterns in recorded_reach(key.reach).items()
        }
        stated: Statement = {
            "key.name": key.id,
            "key.purpose": "api",
            "key.scopes": list(key.scopes),
            **({"key.reach": reach} if reach else {}),
            **({} if key.expires_us is None else {"key.expires_us": key.expires_us}),
            **({"key.limits": limits} if (limits := recorded_limits(key.limits)) else {}),
        }
        return self._by("key.added", stated, by)

    def api_key_limited(self, key: ApiKey, by: Caller) -> Prepared:
        """Say how often an API key may ask from here on, and who said so."""
        rates = [f"{name}={rate}" for name, rate in recorded_limits(key.limits).items()]
        value = " ".join([key.id, *(rates or ["limits=as set"])])
        return self._by("config.changed", {"config.name": "key.limits", "config.value": value}, by)

    def api_key_revoked(self, key: ApiKey, by: Caller) -> Prepared:
        """Say that an API key is let in no more, and who revoked it."""
        return self._by("key.revoked", {"key.name": key.id, "key.purpose": "api"}, by)

    def reject(self, origin: Origin, refusals: Sequence[Refusal]) -> Prepared:
        """Say what was refused of one request, by reason."""
        stated: Statement = {
            "reject.counts": counts(refusals),
            "reject.path": origin.path,
            "reject.sender": origin.sender,
        }
        if origin.body_digest:
            stated["reject.body_digest"] = origin.body_digest
        return self._draft("log.reject", stated)

    def reject_counted(self, sender: str, path: str, refused: Mapping[str, int]) -> Prepared:
        """Say what was refused of one sender, or of nobody, at one address in the last minute."""
        return self._draft(
            "log.reject",
            {
                "reject.counts": dict(sorted(refused.items())),
                "reject.path": path,
                "reject.sender": sender,
            },
        )

    def access(self, access: "Access", count: int) -> Prepared:
        """Say who read what, how many rows, and how often within the window."""
        stated: Statement = {
            "access.target": access.target,
            "access.rows": access.rows,
            "access.count": count,
        }
        digest = self.query_digest(access.query)
        if digest:
            stated["access.query_digest"] = digest
        reason = {"access.reason": self._masked(access.reason)} if access.reason else {}
        return self._by(access.type, stated, access.caller, reason)

    def _by(
        self,
        kind: str,
        stated: Statement,
        caller: Caller | None,
        disclosures: Mapping[str, str] | None = None,
    ) -> Prepared:
        """Add who did something; a person's name stands where it can be erased."""
        disclosed = dict(disclosures or {})
        if caller is None:
            return self._draft(kind, stated, disclosed)
        who: Statement = {
            "client.id": caller.id,
            "client.basis": "authenticated",
            "credential.kind": "opaque" if caller.is_human else "api_key",
            "principal.type": "human" if caller.is_human else "service",
            "principal.basis": "authenticated",
        }
        if caller.identity is not None:
            claims, named = state_identity(self.masking, caller.identity)
            return self._draft(kind, joined({**stated, **who}, claims), {**disclosed, **named})
        if caller.is_human:
            disclosed["principal.id"] = self._masked(caller.name)
        else:
            who["client.name"] = self._masked(caller.name)
        return self._draft(kind, {**stated, **who}, disclosed)

    def _masked(self, text: str) -> str:
        return str(self.masking.masker.mask_text(text).value)

    def decision(
        self, kind: str, person: Person, statement: Statement, said: Mapping[str, str]
    ) -> Prepared:
        """Say what a person decided; `said` is what stands where it can be erased, field -> text, masked here."""
        stated: Statement = {
            "client.id": person.id,
            "client.basis": "authenticated",
            "principal.type": "human",
            "principal.basis": "authenticated",
            "roles": list(person.roles),
        }
        texts = {"principal.id": person.name, **said}
        masked = {
            name: str(self.masking.masker.mask_text(text).value) for name, text in texts.items()
        }
        return self._draft(kind, {**stated, **statement}, masked)

    def erasure(self, statement: Statement) -> Prepared:
        """Say which values are erased, or that entries were deleted; who decided stands in the request's records."""
        return self._draft("access.delete", statement)

    def query_digest(self, query: Mapping[str, JsonValue]) -> str | None:
        """Return the keyed digest of a query, by which equal queries can be told."""
        return self.masking.masker.digest("query", encode(dict(query)))

    def _draft(
        self, kind: str, statement: Statement, disclosures: Mapping[str, str] | None = None
    ) -> Prepared:
        envelope: Statement = {
            "type": kind,
            "time_us": self.clock.now_us(),
            "origin": NATIVE,
            "mask.policy": self.masking.policy_digest,
            "mask.key_id": self.masking.key_id,
        }
        return Prepared({**envelope, **statement}, disclosures or {})


def recorded_limits(limits: CallerLimits) -> dict[str, int]:
    """Return the limits that a key has of its own, for the record."""
    return {name: rate for name, rate in asdict(limits).items() if rate is not None}


@dataclass(frozen=True, slots=True)
class Access:
    """One read of the query API."""

    type: AccessType
    target: str
    caller: Caller
    query: Mapping[str, JsonValue]
    rows: int
    reason: str = ""
    """Why, in the caller's words; of access.reveal."""
