"""Answers on who may ask and what leaves: keys, sessions, enrolment, exports, the log's proofs."""

from typing import Literal

from pydantic import BaseModel

from tallystick_ingest.api.answers.form import Answer, Count, Index, Microseconds


class CallerAnswer(Answer):
    """Who the caller is; `role` is null for an API key."""

    id: str
    name: str
    role: str | None
    scopes: list[str]


class SessionBegun(CallerAnswer):
    """A session that began."""

    session: str
    """Its token: it stands here and nowhere else."""
    ends_us: Microseconds


class SignOnIssuer(Answer):
    """Where people log in."""

    issuer: str | None
    """Null: at no issuer, by name and password alone."""


class SignOnBegun(Answer):
    """A log-in at the issuer that began."""

    url: str
    """Where the browser goes."""
    binding: str
    """What it has to bring back, from a cookie."""
    is_secure: bool
    """Whether it comes back by https."""


class ClaimAnswer(Answer):
    """Whom the one-time link let in."""

    tenant: str
    role: str


class Ended(Answer):
    """A session that was ended."""

    status: Literal["ended"]


class ReachShape(Answer):
    """Which records a key may read: patterns of each kind; null: all."""

    environments: list[str] | None
    agents: list[str] | None
    tools: list[str] | None
    resources: list[str] | None


class LimitsShape(Answer):
    """How often a key may ask, a second. 0: any number; null: as the service's settings say."""

    requests_per_s: int | None
    """OTLP requests; further ones get 503."""
    questions_per_s: int | None
    """Requests to the query API; further ones get 429."""


class KeyShape(Answer):
    """An API key, without its text."""

    id: str
    name: str
    scopes: list[str]
    reach: ReachShape
    limits: LimitsShape
    state: Literal["valid", "expired", "revoked"]
    created_us: Microseconds
    expires_us: int | None
    revoked_us: int | None
    used_on: str | None
    """The day on which it was last used."""


class KeyMade(KeyShape):
    """An API key that was made."""

    api_key: str
    """Its text: it stands here and nowhere else."""


class TenantShape(Answer):
    """A tenant: the name and the key of its log."""

    tenant: str
    log: str
    log_vkey: str
    size: Count


class TenantsAnswer(Answer):
    """Every tenant."""

    tenants: list[TenantShape]


class TenantAdded(TenantShape):
    """A tenant that was added."""

    admin_link_token: str
    """Token of its administrator's one-time link: it stands here and nowhere else."""


class ResourceMetadata(BaseModel):
    """OAuth protected-resource metadata (RFC 9728), whose members are that document's."""

    resource: str
    authorization_servers: list[str]


class EnrolmentAnswer(Answer):
    """The tenant's keys, for an emitter that was enrolled."""

    tenant: str
    log_vkey: str
    service_vkey: str
    token_key_id: str
    token_key: str
    """Key of the pseudonyms, base64: equal values get equal tokens under it."""


class ProofAnswer(Answer):
    """A proof (RFC 9162): hashes in base64."""

    proof: list[str]


class EntryProof(Answer):
    """The proof of one entry."""

    index: Index
    proof: list[str]


class InclusionsAnswer(Answer):
    """Proofs that entries are in one tree (RFC 9162, 2.1.3), in the order that was asked for."""

    size: Count
    """Entries of the tree."""
    checkpoint: str | None
    """The signed checkpoint of that tree, where it is the newest."""
    proofs: list[EntryProof]


class RangeAnswer(Answer):
    """The hashes left and right of a range of entries, in base64."""

    left: list[str]
    right: list[str]


class SnapshotAnswer(Answer):
    """Where the snapshot was written."""

    directory: str


class ExportShape(Answer):
    """An export with a report."""

    id: str
    by: str
    by_name: str
    created_us: Microseconds
    from_us: Microseconds
    to_us: Microseconds
    regime: str
    has_card: bool
    state: Literal["running", "done", "failed"]
    stage: str
    done: Count
    total: Count
    error: str
    bytes: Count
    sha256: str
    entries: Count


class ExportsAnswer(Answer):
    """Every export that is kept, newest first."""

    exports: list[ExportShape]


class ExportBegun(Answer):
    """The id under which to ask how far an export is."""

    id: str
