"""Enrolment: the service learns the emitter's key, the emitter learns the tenant's.

Idempotent, done on the background thread before anything is shipped, and again when the service says that
it does not know the key. A pinned log key is never replaced by what the service says later.
"""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Final

from tallystick.clock import Clock
from tallystick.credentials import (
    Credentials,
    credentials_path,
    load_credentials,
    parse_credentials,
    save_credentials,
)
from tallystick.errors import EnrolmentError, TallystickError
from tallystick.keys import EmitterKey
from tallystick.profile import encode
from tallystick.shipping.client import Target, Transport
from tallystick.shipping.shipment import HeldError, RetryLaterError, refusal
from tallystick.tlog.dsse import sign_envelope

PATH: Final = "/api/v1/enroll"
ENROLMENT_TYPE: Final = "application/vnd.tallystick.enrolment+json"

_OK: Final = 200
_NOT_OURS: Final = frozenset((404, 405, 501))
"""An OTLP receiver that is no Tallystick service, such as a collector on the way to one."""


class Enroller:
    """Keeps this emitter enrolled with one service. For the shipping thread alone."""

    def __init__(
        self,
        home: Path,
        target: Target,
        emitter: Callable[[], EmitterKey],
        clock: Clock,
        on_known: Callable[[Credentials], None],
    ) -> None:
        """Enrol the key that `emitter` gives; `on_known` is told what the service gave."""
        self._home = home
        self._target = target
        self._emitter = emitter
        self._clock = clock
        self._on_known = on_known
        self._is_done = False
        self.state = "not enrolled yet"
        self.alarm: str | None = None

    def ensure(self, transport: Transport, is_again: bool) -> None:
        """Enrol unless that is done, or if `is_again`. Raises TallystickError or OSError."""
        if self._is_done and not is_again:
            return
        try:
            known = enrol(self._home, self._target, self._emitter(), self._clock, transport)
        except EnrolmentError as error:
            self.alarm = str(error)
            raise
        except TallystickError as error:
            self.state = f"not enrolled: {error}"
            raise
        self._is_done = True
        if known is None:
            self.state = "the address knows no enrolment: no Tallystick service; records are sent all the same"
            return
        self.state = f"enrolled with tenant {known.tenant or 'unnamed'}"
        self._on_known(known)


def enrol(
    home: Path, target: Target, emitter: EmitterKey, clock: Clock, transport: Transport
) -> Credentials | None:
    """Register the emitter's key with the service; return what is known of the service now.

    None when the address does not know enrolment. What the service gave is kept in the credentials file.
    Raises RetryLaterError, HeldError, or ShipError from the transport, and EnrolmentError when the service
    shows another log key than the pinned one.
    """
    answer = transport.post(PATH, _request(emitter, clock), {"Content-Type": "application/json"})
    if answer.status in _NOT_OURS:
        return None
    if answer.status != _OK:
        raise refusal(answer)
    given = _read(answer.body, target)
    held = load_credentials(home, target.endpoint) or Credentials(target.endpoint)
    for name in ("log_vkey", "service_vkey"):
        pinned, shown = getattr(held, name), getattr(given, name)
        if pinned and shown and pinned != shown:
            raise EnrolmentError(
                f"{target.endpoint} shows another {name} than the one pinned here: it is another service, or its key "
                "was replaced. Nothing is sent. If that was meant, remove the pinned key from the credentials file"
            )
    known = replace(
        held,
        tenant=given.tenant or held.tenant,
        log_vkey=held.log_vkey or given.log_vkey,
        service_vkey=held.service_vkey or given.service_vkey,
        token_key_id=given.token_key_id or held.token_key_id,
        token_key=given.token_key or held.token_key,
    )
    if known != held:
        _save(home, target, known)
    return known


def _request(emitter: EmitterKey, clock: Clock) -> bytes:
    vkey = emitter.key.vkey
    claim = {"emitter": emitter.name, "time_us": clock.now_us(), "vkey": vkey}
    proof = sign_envelope(ENROLMENT_TYPE, encode(claim), emitter.key_id, emitter.sign)
    return json.dumps({"emitter_vkey": vkey, "proof": proof}).encode()


def _read(body: bytes, target: Target) -> Credentials:
    try:
        stated = json.loads(body)
    except ValueError:
        raise HeldError(f"{target.endpoint}{PATH} answers something that is no JSON") from None
    if not isinstance(stated, dict):
        raise HeldError(f"{target.endpoint}{PATH} answers something that is no JSON object")
    try:
        return parse_credentials(
            {**stated, "url": target.endpoint, "api_key": ""}, f"{target.endpoint}{PATH}"
        )
    except EnrolmentError as error:
        raise HeldError(str(error)) from None


def _save(home: Path, target: Target, known: Credentials) -> None:
    try:
        save_credentials(credentials_path(home, target.endpoint), known)
    except OSError as error:
        raise RetryLaterError(
            f"the credentials cannot be kept in {home}: {error.strerror or error}"
        ) from error
