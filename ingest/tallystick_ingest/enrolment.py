"""Enrolment: an emitter shows that it holds its identity key, and is given the tenant's keys."""

import base64
from dataclasses import dataclass
from typing import Final

from tallystick.errors import AdmissionError, RecordError, VerificationError
from tallystick.profile import decode, encode
from tallystick.tlog.dsse import open_envelope
from tallystick.tlog.ed25519 import load_verify
from tallystick.tlog.note import VerifierKey, parse_vkey
from tallystick_ingest.service_keys import ServiceKeys

ENROLMENT_TYPE: Final = "application/vnd.tallystick.enrolment+json"
MAX_AGE_US: Final = 24 * 3600 * 1_000_000
"""Ours: a proof is good for a day, whatever the two clocks think."""


@dataclass(frozen=True, slots=True)
class Enrolment:
    """What an emitter sends: its vkey, and a DSSE envelope signed by that key."""

    emitter_vkey: str
    proof: str


def check_enrolment(enrolment: Enrolment, now_us: int) -> VerifierKey:
    """Return the emitter's key once the proof holds; raise AdmissionError and say why not."""
    try:
        key = parse_vkey(enrolment.emitter_vkey)
        payload = open_envelope(enrolment.proof, ENROLMENT_TYPE, key, load_verify())
        stated = decode(payload)
    except (VerificationError, RecordError) as error:
        raise AdmissionError(f"the enrolment does not hold: {error}") from None
    time_us = stated.get("time_us") if isinstance(stated, dict) else None
    if type(time_us) is not int or payload != encode(
        {"emitter": key.name, "time_us": time_us, "vkey": key.vkey}
    ):
        raise AdmissionError(
            "the enrolment does not hold: expected emitter, time_us and vkey of the key itself"
        )
    if abs(now_us - time_us) > MAX_AGE_US:
        raise AdmissionError(
            "the enrolment was signed more than a day away from now: set the clock, sign it again"
        )
    return key


def tenant_keys(keys: ServiceKeys) -> dict[str, str]:
    """Return what an enrolled emitter is given."""
    return {
        "tenant": keys.name,
        "log_vkey": keys.log.key.vkey,
        "service_vkey": keys.service.key.vkey,
        "token_key_id": keys.token_key_id,
        "token_key": base64.b64encode(keys.token_key).decode(),
    }
