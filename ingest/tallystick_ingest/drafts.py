"""What the service says of itself: the events of its own session, ready to be numbered and sealed.

Every text that somebody else chose, such as the name of an API key, is masked here.
"""

import os
import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

import tallystick_ingest
from tallystick.clock import Clock
from tallystick.event import Statement
from tallystick.profile import JsonValue, encode
from tallystick.recording.masked import Masking
from tallystick_ingest.admission import Origin
from tallystick_ingest.auth.gate import Caller
from tallystick_ingest.prepared import NATIVE, Prepared
from tallystick_ingest.stated_identity import joined, state_identity
from tallystick_ingest.verdict import Refusal, counts
from tallystick_store.governance.requests import Person

SERVICE_NAME: Final = "tallystick"
SDK_NAME: Final = "tallystick_ingest"

AccessType = Literal["access.read", "access.search", "access.export", "access.login"]
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
        caller = access.caller
        name = str(self.masking.masker.mask_text(caller.name).value)
        stated: Statement = {
            "access.target": access.target,
            "access.rows": access.rows,
            "access.count": count,
            "client.id": caller.id,
            "client.basis": "authenticated",
            "credential.kind": "opaque" if caller.is_human else "api_key",
            "principal.type": "human" if caller.is_human else "service",
            "principal.basis": "authenticated",
        }
        digest = self.query_digest(access.query)
        if digest:
            stated["access.query_digest"] = digest
        if caller.identity is not None:
            claims, disclosures = state_identity(self.masking, caller.identity)
            return self._draft(access.type, joined(stated, claims), disclosures)
        if caller.is_human:  # a person's name stands where it can be erased
            return self._draft(access.type, stated, {"principal.id": name})
        return self._draft(access.type, {**stated, "client.name": name})

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


@dataclass(frozen=True, slots=True)
class Access:
    """One read of the query API."""

    type: AccessType
    target: str
    caller: Caller
    query: Mapping[str, JsonValue]
    rows: int
