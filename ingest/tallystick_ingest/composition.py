"""What the service is made of: each part once, in the order in which they need one another.

A new part is an attribute here; what happens to it over the service's life is in service.py.
"""

import os
import secrets
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Final

import pyarrow as pa

from tallystick.clock import Clock
from tallystick.errors import StoreError
from tallystick.masking.tokens import TokenKey
from tallystick.private_file import replace_private_file
from tallystick.recording.masked import Masking
from tallystick.verify.policy import Policy, print_policy
from tallystick_ingest.access_book import AccessBook
from tallystick_ingest.admission import Admission, BurialRequest, Request, ServiceRequest
from tallystick_ingest.auth.accounts import AccountBook
from tallystick_ingest.auth.admin import AdminDoor
from tallystick_ingest.auth.api_keys import KeyRing
from tallystick_ingest.auth.bearer import bearers_of
from tallystick_ingest.auth.certificates import Certificates
from tallystick_ingest.auth.challenge import challenges_of
from tallystick_ingest.auth.gate import OPERATOR_FILE, Gate, Vouchers
from tallystick_ingest.auth.grants import parse_grants
from tallystick_ingest.auth.limits import RateLimits
from tallystick_ingest.auth.login import Login
from tallystick_ingest.auth.oidc import sign_on_of
from tallystick_ingest.auth.people import PeopleBook
from tallystick_ingest.auth.sessions import SessionBook
from tallystick_ingest.drafts import Drafts
from tallystick_ingest.erasing import Erasures
from tallystick_ingest.export_jobs import ExportJobs
from tallystick_ingest.floor import FloorExceptions
from tallystick_ingest.forgetting import Forgetting
from tallystick_ingest.intake import OtlpIntake
from tallystick_ingest.key_directory import KeyDirectory, enrolled
from tallystick_ingest.live import LiveFeed
from tallystick_ingest.operations.metrics import Metrics
from tallystick_ingest.otlp.incoming import BusyError
from tallystick_ingest.prepared import Prepared
from tallystick_ingest.refusals import Refusals
from tallystick_ingest.retention import Retention
from tallystick_ingest.screening import KeyBook
from tallystick_ingest.service_keys import DEFAULT_TENANT, ServiceKeys
from tallystick_ingest.service_session import SERVICE_SENDER, ServiceSession
from tallystick_ingest.settings import ServiceConfig
from tallystick_ingest.settings.otlp import USUAL_INTAKE_WORKERS
from tallystick_ingest.turnstile import Turnstile
from tallystick_ingest.two_people import TwoPeople
from tallystick_ingest.verdict import Verdict
from tallystick_ingest.verification import Verifier
from tallystick_ingest.workers.desk import BodyDesk, Known
from tallystick_ingest.workers.pool import BodyReaders
from tallystick_store.checkpoints import LogSigner
from tallystick_store.governance.classes import KEEP_ALL, load_retention
from tallystick_store.query import Query
from tallystick_store.rows import Tombstones
from tallystick_store.store import Store
from tallystick_store.writer import Writer

STATE_TIMEOUT_S: Final = 30.0
"""How long a statement of the service may wait for its commit before its cause gets a 503."""
EVIDENCE_ALONE: Final = (
    "this log was restored as evidence: it is there to be read and takes no records; send them to the service"
    " that goes on, or begin a new log (tallystick up --data NEW --secrets NEW)"
)
SQL_OF_ONE: Final = 1
SQL_OF_ALL: Final = 2
"""Texts in SQL that run at one time, each in a process of its own."""
_INSTANCE_BYTES: Final = 4


@dataclass(frozen=True, slots=True)
class Ground:
    """What has to be there before a service can be put together."""

    config: ServiceConfig
    keys: ServiceKeys
    store: Store
    clock: Clock
    tenant: str = DEFAULT_TENANT
    readers: BodyReaders | None = None
    """The processes of another tenant's service, which ends them; None: of its own."""


class Composition:
    """The parts of an open service, and the one way in which anything enters its log."""

    def __init__(self, ground: Ground) -> None:
        """Make the parts, area by area; nothing is stated yet."""
        self.config, self.keys, self.tenant = ground.config, ground.keys, ground.tenant
        self.store, self.clock = ground.store, ground.clock
        self._shared_readers = ground.readers
        self.started_us = self.clock.now_us()
        self.signer = log_signer(self.keys)
        self.query = Query(self.store.database, self.store.published)
        self.metrics = Metrics()
        self._make_access()
        self._make_recording()
        self._make_edges()

    def _make_access(self) -> None:
        """Make what knows who may do what."""
        kept = self.config.core.secrets
        self.ring = KeyRing(kept / "api-keys.json", self.clock.now_us)
        self.door = AdminDoor(kept / "admin.json")
        self.accounts = AccountBook(kept, self.clock.now_us)
        self.sessions = SessionBook(kept / "sessions.json", self.clock.now_us)
        self._token_key = TokenKey(self.keys.token_key_id, self.keys.token_key)
        self.masking = Masking.of(self._token_key)
        self.challenges = challenges_of(self.config.identity)
        self.bearers = bearers_of(self.config.identity, self.masking, self.clock, self.tenant)
        grants = parse_grants(self.config.identity.grants, self.tenant)
        self.people = PeopleBook(kept / "people.json", grants, self.masking, self.clock.now_us)
        issuer = None if self.bearers is None else self.bearers.issuer
        self.sign_on = sign_on_of(self.config.identity, issuer, self.clock)
        certificates = Certificates(parse_grants(self.config.tls.grants, self.tenant), self.masking)
        vouchers = Vouchers(self.bearers, self.people, certificates)
        self.gate = Gate(self.ring, self.sessions, self.accounts, self.clock.now_us, vouchers)
        replace_private_file(kept / OPERATOR_FILE, self.gate.operator_token.encode() + b"\n")
        self.rates = RateLimits(
            self.config.access.max_requests_per_s,
            self.config.access.max_questions_per_s,
            self.clock.monotonic_s,
        )
        self.login = Login(self.accounts, self.clock.monotonic_s)

    def _make_recording(self) -> None:
        """Make what turns requests and the service's own statements into records."""
        self.drafts = Drafts(self.masking, self.clock)
        self.refusals = Refusals(self.drafts, self.clock)
        self.directory = KeyDirectory(
            [self.keys.service.key, *enrolled(self.query.keys_added(SERVICE_SENDER))],
            self.query.session_open,
        )
        self._session = ServiceSession(
            self.keys.service,
            self.drafts.opening(secrets.token_hex(_INSTANCE_BYTES)),
            self.clock.now_us,
        )
        admission = Admission(self._session, self.refusals.draft)
        self._writer: Writer[Request, Verdict] = Writer(
            self.store, admission.admit, self.clock.now_us
        )
        self.store.note_commit = self.metrics.note_commit

    def _make_edges(self) -> None:
        """Make what stands between the requests and the parts above."""
        self.accesses = AccessBook(self.drafts, self.clock, self.state)
        self.two_people = TwoPeople(self.store, self.drafts, self.clock, self.state)
        self.exports = ExportJobs(self.store, self.signer, self.accesses, self.clock)
        forgetting = Forgetting(self.sessions, self.people, self.accounts, self.exports)
        self.erasures = Erasures(self.store, self.two_people, self.drafts, self.state, forgetting)
        self.live = LiveFeed(lambda: self.store.size)
        self.sql_turns = Turnstile("queries in SQL", SQL_OF_ONE, SQL_OF_ALL)
        file = self.config.store.retention_file
        policy = KEEP_ALL if file is None else load_retention(file)
        self.retention = Retention(
            self.store,
            self.two_people,
            self.clock,
            policy,
            self._bury,
            self.erasures.spoken_for,
        )
        self.retention.drop_copies = forgetting.drop_copies
        self.floor_exceptions = FloorExceptions(self.two_people, policy)
        self._own_readers = None if self._shared_readers else readers_of(self.config)
        self._readers = self._shared_readers or self._own_readers
        self.intake = OtlpIntake(
            gate=self.gate,
            rates=self.rates,
            desk=BodyDesk(self._known(), self._readers),
            refusals=self.refusals,
            submit=self.submit,
            limits=self.config.otlp.limits,
            max_waiting_bytes=self.config.otlp.max_waiting_bytes,
            body_timeout_s=self.config.core.request_timeout_s,
            metrics=self.metrics,
        )
        if self.store.evidence is not None:
            self.intake.refuses = EVIDENCE_ALONE
        self.verifier = Verifier(
            self.gate.verifier_token, self.own_policy, self.clock, self.config.store.verify_every_s
        )

    def _known(self) -> Known:
        """Return what bodies are read with."""
        return Known(
            self._token_key,
            self.masking,
            KeyBook(self.directory.session_key, self.directory.emitter_key),
            KeyBook(self.directory.session_key_at_hand, self.directory.emitter_key),
            self.clock.now_us,
            self.config.otlp.limits,
        )

    @property
    def readers(self) -> BodyReaders | None:
        """The processes that read larger requests, for all tenants; None where there are none."""
        return self._readers

    @property
    def queue_bytes(self) -> int:
        """Bytes of requests that wait for the writer."""
        return self._writer.waiting_bytes

    @property
    def in_progress_bytes(self) -> int:
        """Bytes of requests that are being received, decoded and masked."""
        return self.intake.in_progress_bytes

    @property
    def logins(self) -> int:
        """People who are logged in."""
        return self.sessions.living_count

    def submit(self, request: Request, size_bytes: int = 0) -> "Future[Verdict]":
        """Hand a request to the writer; raise StoreError when it takes none."""
        future = self._writer.submit(request, size_bytes)
        future.add_done_callback(self._confirm)
        return future

    def state(self, drafts: Sequence[Prepared]) -> None:
        """Record what the service says, and return once it is durable; else raise BusyError."""
        try:
            self.submit(ServiceRequest(tuple(drafts))).result(STATE_TIMEOUT_S)
        except TimeoutError as error:
            raise BusyError(
                f"this could not be recorded within {STATE_TIMEOUT_S:g} s, so it is not done: ask again"
            ) from error
        except StoreError as error:
            raise BusyError(f"this cannot be recorded now, so it is not done: {error}") from error

    def _bury(self, tombstones: pa.Table) -> None:
        """Make tombstones durable; raise StoreError."""
        try:
            self.submit(BurialRequest(Tombstones(tombstones))).result(STATE_TIMEOUT_S)
        except TimeoutError as error:
            raise StoreError("tombstones cannot be written now") from error

    def own_policy(self) -> str:
        """Return a trust policy of the keys that the service holds: its own and those enrolled."""
        return print_policy(Policy(self.keys.log.key, self.directory.emitters))

    def _confirm(self, future: "Future[Verdict]") -> None:
        """Take note of what is durable; runs in the writer thread, as the service's session does."""
        if not future.cancelled() and future.exception() is None:
            verdict = future.result()
            self._session.confirm(verdict.service_size)
            self.directory.note_opened(verdict.opened)


def readers_of(config: ServiceConfig) -> BodyReaders | None:
    """Return the processes that read requests, none of them begun; None where there shall be none."""
    wanted = config.otlp.intake_workers
    most = min(USUAL_INTAKE_WORKERS, _cores()) if wanted is None else wanted
    return BodyReaders(most) if most else None


def _cores() -> int:
    """Return how many processor cores this process may run on; where the system does not say, how many there are."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def log_signer(keys: ServiceKeys) -> LogSigner:
    """Return what signs the checkpoints."""
    return LogSigner(keys.name, keys.log.key.public_key, keys.log.sign)
