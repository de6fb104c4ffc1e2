"""The life of the service: it opens keys and store, states what happens to itself, and ends in order."""

import contextlib
import logging
import threading
from typing import Final

from tallystick.clock import Clock, SystemClock
from tallystick.errors import AdmissionError, ConfigError, StoreError
from tallystick.tlog.note import VerifierKey
from tallystick_ingest.auth.api_keys import ApiKey, NewKey
from tallystick_ingest.auth.gate import Caller
from tallystick_ingest.auth.limits import CallerLimits
from tallystick_ingest.composition import Composition, Ground, log_signer
from tallystick_ingest.drafts import KeyPurpose
from tallystick_ingest.operations.gauges import ServiceGauges
from tallystick_ingest.otlp.incoming import BusyError
from tallystick_ingest.service_keys import DEFAULT_TENANT, load_service_keys
from tallystick_ingest.service_session import SERVICE_SENDER
from tallystick_ingest.settings import ServiceConfig
from tallystick_ingest.stated_settings import changed_settings
from tallystick_ingest.workers.pool import BodyReaders
from tallystick_store.archive.subject_keys import SUBJECT_KEYS_NAME
from tallystick_store.blob_sweep import sweep_blobs
from tallystick_store.integrity import active_sessions
from tallystick_store.store import Store

HOUSEKEEPING_S: Final = 60.0
"""Heartbeats, folded accesses and refusals of nobody are recorded once a minute."""
SWEEP_EVERY_S: Final = 24 * 3600.0
"""Blobs that no record names are looked for once a day: it takes a look at every row."""
MAX_SEEN_NOTES: Final = 1_024


_log = logging.getLogger("tallystick.service")


class Service(Composition):
    """Open it, serve it, close it. Safe to use from several threads."""

    def __init__(self, ground: Ground) -> None:
        """Put the parts together; `open` is the way in."""
        super().__init__(ground)
        self._sweep_due_s = self.clock.monotonic_s()
        self._enrolling = threading.Lock()
        self._closing = threading.Lock()
        self._pause_stated = False
        self._seen_notes: dict[str, None] = {}
        self.is_closing = False
        self.active_sessions: int | None = None
        """Sessions of emitters that are not silent, counted once a minute."""
        self.metrics.register(ServiceGauges(self))

    @classmethod
    def open(
        cls,
        config: ServiceConfig,
        clock: Clock | None = None,
        tenant: str = DEFAULT_TENANT,
        readers: BodyReaders | None = None,
    ) -> "Service":
        """Open keys and store and state what is new; raise ConfigError or StoreError and say why not."""
        keys = load_service_keys(config.core.secrets, config.core.name)
        try:
            store = Store.open(
                config.core.data,
                log_signer(keys),
                subject_keys=config.core.secrets / SUBJECT_KEYS_NAME,
            )
        except OSError as error:
            raise ConfigError(f"cannot use {config.core.data}: {error.strerror}") from error
        try:
            service = cls(Ground(config, keys, store, clock or SystemClock(), tenant, readers))
        except BaseException:
            store.close()
            raise
        try:
            service._state_start()
        except BaseException:
            service.close("the start failed")
            raise
        return service

    def enrol(self, key: VerifierKey) -> bool:
        """Admit an emitter's identity; False when it was admitted before.

        Raises AdmissionError when another key has the name, and BusyError, also where nothing is taken.
        """
        if self.intake.refuses is not None:
            raise BusyError(self.intake.refuses)
        with self._enrolling:
            if self.directory.emitter_key(key.name, key.key_id.hex()) is not None:
                return False
            self._require_free_name(key)
            self.state([self.drafts.key_added(key.name, key.vkey, "emitter")])
            self.directory.enrol(key)
            return True

    def _require_free_name(self, key: VerifierKey) -> None:
        own = (self.keys.log.key, self.keys.service.key)
        if key.name in {known.name for known in (*own, *self.directory.emitters)}:
            raise AdmissionError(
                f"another key is enrolled as {key.name}: "
                "give the emitter a name of its own (TALLYSTICK_EMITTER_NAME) and a new key"
            )

    def create_api_key(self, wanted: NewKey, by: Caller | None = None) -> tuple[ApiKey, str]:
        """Make an API key and record what it may do; `by` None: the service, at its start.

        Raises ConfigError, OSError and BusyError; there is no key then.
        """
        key, text = self.ring.add(wanted)
        try:
            self.state([self.drafts.api_key_added(key, by)])
        except BaseException:
            self.ring.discard(key.id)
            raise
        return key, text

    def revoke_api_key(self, id_: str, by: Caller) -> ApiKey | None:
        """Revoke an API key and record it; None when there is none. Raises OSError and BusyError.

        It opens nothing from here on even if that cannot be recorded now: ask again until it is.
        """
        key = self.ring.revoke(id_)
        if key is not None:
            self.state([self.drafts.api_key_revoked(key, by)])
        return key

    def limit_api_key(self, id_: str, limits: CallerLimits, by: Caller) -> ApiKey | None:
        """Give an API key other limits and record it; None when there is none. Raises OSError and BusyError.

        They hold from here on even if that cannot be recorded now: ask again until it is.
        """
        key = self.ring.limit(id_, limits)
        if key is not None and key.revoked_us is None:
            self.state([self.drafts.api_key_limited(key, by)])
        return key

    def newest_note(self) -> str | None:
        """Return the newest signed checkpoint; None before the first and once signing has stopped."""
        newest = self.store.checkpoint
        return None if newest is None else newest.note

    def is_seen(self, note: str) -> bool:
        """Whether a note was looked at before, so that it costs nothing now."""
        return note in self._seen_notes

    def observe(self, note: str) -> None:
        """Look at a checkpoint that a sender holds; one that contradicts ours stops signing."""
        try:
            self.store.publisher.observe(note)
        except StoreError:
            _log.warning("a checkpoint that was shown could not be checked; it will be shown again")
            return
        self._seen_notes[note] = None
        if len(self._seen_notes) > MAX_SEEN_NOTES:
            self._seen_notes.pop(next(iter(self._seen_notes)), None)
        self._state_pause()

    def housekeep(self) -> None:
        """Record what is due once a minute; what cannot be recorded now stays counted."""
        self._state_pause()
        self._archive()
        self.erasures.resume()
        self.exports.sweep()
        if self.bearers is not None:
            self.bearers.refresh()
        self._sweep_blobs()
        self.retention.carry_out_behind()
        self._count_sessions()
        with contextlib.suppress(OSError):
            self.ring.keep_used()
            self.sessions.sweep()
            self.people.sweep()
        taken = self.refusals.take()
        try:
            self.state([self.drafts.heartbeat(), *self.refusals.drafts_of(taken)])
        except BusyError:
            self.refusals.give_back(taken)
            _log.warning("the heartbeat could not be recorded")
            return
        with contextlib.suppress(BusyError):
            self.accesses.sweep()

    def _archive(self) -> None:
        """Move the journal into the archive; where that fails the journal stays, and it is tried a minute later."""
        try:
            self.store.trim_journal()
        except StoreError as error:
            _log.warning("the journal was not emptied: %s", error)
        self.store.archiver.merge_closed_days(self.clock.now_us())

    def _count_sessions(self) -> None:
        """Count for the metrics; what fails is counted a minute later."""
        with contextlib.suppress(StoreError):
            self.active_sessions = active_sessions(self.store.database, self.clock.now_us())

    def _sweep_blobs(self) -> None:
        """Remove blobs that nothing names, soon after the start and once a day; what fails is tried a day later."""
        if self.clock.monotonic_s() < self._sweep_due_s:
            return
        self._sweep_due_s = self.clock.monotonic_s() + SWEEP_EVERY_S
        try:
            swept = sweep_blobs(self.store.blobs, self.store.database, self.clock.now_us())
        except (StoreError, OSError) as error:
            _log.warning("blobs that no record names could not be removed: %s", error)
            return
        if swept.orphans or swept.leftovers:
            _log.info(
                "removed %d blobs that no record names, and %d unfinished files",
                swept.orphans,
                swept.leftovers,
            )

    def close(self, reason: str) -> None:
        """State what is still counted and session.close, drain the writer, publish, let go."""
        with self._closing:
            if self.is_closing:
                return
            self.is_closing = True
        self.live.close()
        self.live.finish()
        self.verifier.close()
        self.exports.close()
        self.retention.close()
        with contextlib.suppress(OSError):
            self.ring.keep_used()
        self.erasures.close()
        with contextlib.suppress(StoreError):  # what waits is in the journal
            self.store.settle()  # while the database is far behind nothing is recorded
        try:
            self.accesses.sweep(everything=True)
            refused = self.refusals.drafts_of(self.refusals.take())
            self.state([*refused, self.drafts.close(reason)])
        except BusyError as error:
            _log.error("session.close could not be recorded: %s", error)
        self.intake.close()
        if self._own_readers is not None:
            self._own_readers.close()
        self._writer.close()
        self.store.close()

    def _state_start(self) -> None:
        """State session.open, those of our own keys that this log does not know yet, and changed settings."""
        known = {one.get("key.vkey") for one in self.query.keys_added(SERVICE_SENDER)}
        own: tuple[tuple[VerifierKey, KeyPurpose], ...] = (
            (self.keys.log.key, "log"),
            (self.keys.service.key, "emitter"),
        )
        keys = [
            self.drafts.key_added(key.name, key.vkey, purpose)
            for key, purpose in own
            if key.vkey not in known
        ]
        settings = changed_settings(
            self.retention.policy,
            self.query.settings_stated(SERVICE_SENDER),
            lambda text: str(self.masking.masker.mask_text(text).value),
        )
        changed = [self.drafts.changed(name, value) for name, value in settings.items()]
        self.state([*keys, *changed])
        self.store.publisher.publish_now()
        self._state_pause()
        self.erasures.resume()
        self.retention.carry_out_behind()

    def _state_pause(self) -> None:
        """State once that signing has stopped, and why."""
        reason = self.store.signing_stopped
        if reason is None or self._pause_stated:
            return
        self._pause_stated = True
        try:
            self.state([self.drafts.pause(reason)])
        except BusyError:
            self._pause_stated = False
