"""The service under load: started as a user would, with its own home, stopped or killed at the end."""

import atexit
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from bench.emitter import EMITTER
from bench.machine import tree_cpu_s, tree_peak_mb
from tallystick.profile import encode
from tallystick.tlog.dsse import sign_envelope
from tallystick.tlog.note import encode_vkey, parse_vkey

READY_WITHIN_S: Final = 30
ENROLMENT: Final = "application/vnd.tallystick.enrolment+json"


class Service:
    """A running `tallystick up` below the directory `place`."""

    def __init__(self, place: Path) -> None:
        """Start it and wait until it is ready."""
        self.data = place / "data"
        self.home = place / "home"
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        command = [str(Path(sys.executable).parent / "tallystick"), "up", "--port", str(self.port)]
        start = time.perf_counter()
        self._process = subprocess.Popen(
            [
                *(*command, "--dashboard-port", "off"),
                *("--data", str(self.data), "--secrets", str(place / "secrets")),
            ],
            env={**os.environ, "TALLYSTICK_HOME": str(self.home)},
            stdout=subprocess.DEVNULL,
        )
        atexit.register(self._process.kill)  # of a measurement that failed nothing is left running
        self._wait()
        self.start_s = time.perf_counter() - start
        self.credentials = json.loads((self.home / "credentials.json").read_text(encoding="utf-8"))

    def enrol(self, identity: Ed25519PrivateKey) -> None:
        """Register the emitter's key, with proof that it is held."""
        vkey = encode_vkey(EMITTER, identity.public_key().public_bytes_raw())
        stated = {"emitter": EMITTER, "time_us": time.time_ns() // 1000, "vkey": vkey}
        key_id = parse_vkey(vkey).key_id.hex()
        proof = sign_envelope(ENROLMENT, encode(stated), key_id, identity.sign)
        body = json.dumps({"emitter_vkey": vkey, "proof": proof}).encode()
        headers = {**self.authorization, "Content-Type": "application/json"}
        request = urllib.request.Request(f"{self.url}/api/v1/enroll", body, headers)
        with urllib.request.urlopen(request, timeout=10) as answer:
            answer.read()

    @property
    def authorization(self) -> dict[str, str]:
        """Give the header that a sender needs."""
        return {"Authorization": f"Bearer {self.credentials['api_key']}"}

    def cpu_s(self) -> float:
        """Give the processor time that the service and its processes have used."""
        return tree_cpu_s(self._process.pid)

    def peak_mb(self) -> int:
        """Give the most memory that the service and its processes have had, each on its own."""
        return tree_peak_mb(self._process.pid)

    def settle(self) -> None:
        """Ask a question: its answer comes once the database holds what was accepted."""
        request = urllib.request.Request(f"{self.url}/api/v1/status", headers=self.authorization)
        with urllib.request.urlopen(request, timeout=120) as answer:
            answer.read()

    def stop(self, how: signal.Signals = signal.SIGTERM) -> None:
        """Stop it, gracefully or not."""
        self._process.send_signal(how)
        self._process.wait(60)

    def _wait(self) -> None:
        for _ in range(READY_WITHIN_S * 50):
            try:
                with urllib.request.urlopen(f"{self.url}/readyz", timeout=2):
                    return
            except OSError:
                time.sleep(0.02)
        raise SystemExit(f"the service is not ready after {READY_WITHIN_S} s")


def free_port() -> int:
    """Return a port of this machine that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
