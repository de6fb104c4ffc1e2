"""How fast a whole store is verified, every layer: 100,000 events in 200 sessions."""

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from bench.emitter import EMITTER
from bench.ingest import bodies
from bench.sending import Address, send
from bench.service import Service
from tallystick.tlog.note import encode_vkey

SESSIONS: Final = 200
EVENTS: Final = 500
PER_SEAL: Final = 250
BUDGET_S_PER_MILLION: Final = 30


def measure() -> list[str]:
    """Give the report's lines."""
    identity = Ed25519PrivateKey.generate()
    made = bodies(identity, SESSIONS, EVENTS, PER_SEAL)
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        service = Service(place)
        service.enrol(identity)
        address = Address(service.port, "/v1/logs", service.authorization)
        send(address, [session[0] for session in made])
        send(address, [body for session in made for body in session[1:]])
        service.stop()
        policy = place / "policy.txt"
        policy.write_text(_policy(service, identity), encoding="utf-8")
        command = [str(Path(sys.executable).parent / "tallystick"), "verify"]
        start, before = time.perf_counter(), os.times()
        done = subprocess.run(
            [*command, "--data", str(service.data), "--policy", str(policy)],
            stdout=subprocess.PIPE,
            text=True,
            check=False,
        )
        spent, after = time.perf_counter() - start, os.times()
    cpu = (
        after.children_user + after.children_system - before.children_user - before.children_system
    )
    if done.returncode != 0:
        raise SystemExit(f"the clean store did not verify:\n{done.stdout}")
    million = 1_000_000 / (SESSIONS * EVENTS)
    return [
        f"{SESSIONS * EVENTS:,} events, {SESSIONS} sessions, exit 0: {spent:.1f} s, {cpu:.1f} s CPU",
        f"for 10^6 events that is {spent * million:.0f} s (budget {BUDGET_S_PER_MILLION})",
    ]


def _policy(service: Service, identity: Ed25519PrivateKey) -> str:
    own = encode_vkey(EMITTER, identity.public_key().public_bytes_raw())
    held = service.credentials
    return f"log {held['log_vkey']}\nemitter {held['service_vkey']}\nemitter {own}\n"
