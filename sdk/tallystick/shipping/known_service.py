"""What this process knows of its service: where it is, what it gave, and how far its log had got.

Found in the settings and in the credentials file, completed by enrolment, and in force at once: records
state the tenant's token key and the newest checkpoint from the moment they are known.
"""

import secrets
from collections.abc import Callable
from functools import partial
from random import SystemRandom

from tallystick.clock import Clock
from tallystick.config import Config
from tallystick.credentials import Credentials, load_credentials
from tallystick.errors import EnrolmentError
from tallystick.keys import TOKEN_KEY_BYTES, EmitterKey, load_token_key, local_token_key
from tallystick.masking.rulesfile import load_policy
from tallystick.masking.tokens import TokenKey
from tallystick.recording.masked import Masking
from tallystick.recording.printer import Printer
from tallystick.recording.whole_value import WholeValues
from tallystick.shipping.blob_spool import BlobSpool
from tallystick.shipping.client import ServiceClient, Target
from tallystick.shipping.enrolment import Enroller
from tallystick.shipping.head import Head, HeadKeeper
from tallystick.shipping.patience import Patience
from tallystick.shipping.shipper import Shipper
from tallystick.spool.rejected import Rejected
from tallystick.spool.room import BLOBS, Room


class KnownService:
    """Owns the printer, since what is known of the service stands in every record."""

    def __init__(self, config: Config, clock: Clock, warn: Callable[[str], None]) -> None:
        """Read credentials and token key; what is wrong with them goes to `warn`. Nothing is sent.

        Raises ConfigError for a file of masking rules that cannot be read or does not fit.
        """
        self._config = config
        self._clock = clock
        self._warn = warn
        self._credentials = self._load_credentials()
        self._head: HeadKeeper | None = None
        self._enroller: Enroller | None = None
        self._policy = None if config.rules is None else load_policy(config.rules)
        masking = Masking.of(self._load_token_key(), self._policy)
        room = Room(config.spool_dir, config.spool_max_bytes, clock)
        is_synced = config.sync != "none" or bool(config.required)
        self._blobs = BlobSpool(
            config.spool_dir / BLOBS, partial(_check_room, room), clock, is_synced=is_synced
        )
        whole_values = WholeValues(self._blobs, config.max_blob_bytes)
        self.printer = Printer(masking, config.max_value_bytes, whole_values=whole_values)
        self._take(self._credentials)

    @property
    def target(self) -> Target | None:
        """The service and its key, from the settings, else from credentials.json; None: spool only."""
        held = self._credentials
        endpoint = self._config.endpoint or (held.url.rstrip("/") if held else None)
        if endpoint is None:
            return None
        return Target(endpoint, self._config.api_key or (held.api_key if held else None) or None)

    @property
    def has_token_key(self) -> bool:
        """The tenant's token key is in force: what is masked joins with what others of the tenant mask."""
        return self._credentials is not None and self._credentials.tokens is not None

    @property
    def log_size(self) -> int | None:
        """Size of the newest checkpoint that was checked."""
        return self._head.head.checkpoint.size if self._head and self._head.head else None

    @property
    def enrolment(self) -> str:
        """One sentence: whether the service knows this emitter."""
        return self._enroller.state if self._enroller else "not enrolled"

    @property
    def alarms(self) -> tuple[str, ...]:
        """What must be looked at by a person."""
        enrolled = [self._enroller.alarm] if self._enroller and self._enroller.alarm else []
        return (*enrolled, *(self._head.alarms if self._head else ()))

    def look_again(self) -> Target | None:
        """Look for credentials where no service is known: they may be written after we started."""
        if self.target is None:
            self._take(self._load_credentials())
        return self.target

    def make_shipper(
        self, target: Target, emitter: Callable[[], EmitterKey], rejected: Rejected
    ) -> Shipper:
        """Return what enrols with the service, ships to it, and follows its log."""
        enroller = Enroller(self._config.home, target, emitter, self._clock, self._take)
        self._enroller = enroller
        client = ServiceClient(target)
        shipper = Shipper(
            client,
            enroller.ensure,
            lambda: self._head,
            rejected,
            Patience(self._clock, SystemRandom().random),  # never the host's sequence
            compresses=not target.is_local,
        )
        shipper.enrols_first = not self.has_token_key
        shipper.before_send = lambda _session, frames: self._blobs.upload(client, frames)
        shipper.once_taken = self._blobs.release
        shipper.when_idle = lambda: self._blobs.hand_over(client)
        return shipper

    def _load_credentials(self) -> Credentials | None:
        try:
            return load_credentials(self._config.home, self._config.endpoint)
        except EnrolmentError as error:
            self._warn(str(error))
            return None

    def _load_token_key(self) -> TokenKey:
        given = self._credentials.tokens if self._credentials else None
        if given is not None:
            return given
        try:
            return load_token_key(self._config.home)
        except (EnrolmentError, OSError) as error:
            self._warn(f"no token key ({error}): pseudonyms of this process join with no other's")
            return local_token_key(secrets.token_bytes(TOKEN_KEY_BYTES))

    def _take(self, known: Credentials | None) -> None:
        if known is None:
            return
        self._credentials = known
        tokens = known.tokens
        if tokens is not None and tokens.key_id != self.printer.masking.key_id:
            self.printer.masking = Masking.of(tokens, self._policy)
        if self._head is None and known.log_key is not None:
            self._head = HeadKeeper(self._config.home, known.log_key, self._clock, self._take_head)

    def _take_head(self, head: Head) -> None:
        self.printer.head = head.statement()


def _check_room(room: Room, size_bytes: int) -> None:
    """Raise SpoolFullError where the spool has no room for a blob: what others wrote counts too."""
    room.refresh()
    room.check(size_bytes)
