"""A real service for tests: `tallystick up` as a process of its own, with a home of its own."""

import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest

from tallystick.profile import encode
from tallystick.tlog.dsse import sign_envelope
from tallystick_ingest.auth.gate import OPERATOR_FILE
from tallystick_ingest.enrolment import ENROLMENT_TYPE
from tests.described import check_answer
from tests.keys import KeyPair
from tests.patience import PATIENCE_S
from tests.ports import free_port
from tests.sending import PROTOBUF
from tests.stores import EMITTER

TALLYSTICK = str(Path(sys.executable).with_name("tallystick"))
_OF_A_FAULT = re.compile(r"Traceback|\.py:[0-9]+ in ")
REASON = "what a test looks for"
REVEALING = {"Tallystick-Reason": REASON}
"""Lets an answer to the key of this machine name people."""
DELIVERED_WITHIN_MS = 60_000
"""How long programs wait at their end for the service: tests look at what they have delivered."""


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer of the service, with lower-case header names."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Service:
    """A service below `root`; start it before anything else."""

    root: Path
    options: Sequence[str] = ()
    environ: Mapping[str, str] = field(default_factory=dict)
    wrapper: Sequence[str] = ()
    """A program to run it under, such as strace."""
    port: int = 0
    process: subprocess.Popen[bytes] | None = None

    @property
    def home(self) -> Path:
        return self.root / "home"

    @property
    def data(self) -> Path:
        return self.home / "data"

    @property
    def output(self) -> str:
        return (self.root / "output.txt").read_text(encoding="utf-8")

    @property
    def faults(self) -> list[str]:
        """Lines of the log that tell of a fault of the service's own, in whichever form it writes them."""
        return [line for line in self.output.splitlines() if _OF_A_FAULT.search(line)]

    @property
    def pid(self) -> int:
        """The service's own process, also where it is the child of the program that watches it."""
        assert self.process is not None
        number = self.process.pid
        children = Path(f"/proc/{number}/task/{number}/children").read_text(encoding="ascii")
        return int(children.split()[0]) if self.wrapper and children.strip() else number

    @cached_property
    def credentials(self) -> dict[str, str]:
        stated: dict[str, str] = json.loads((self.home / "credentials.json").read_text())
        return stated

    @property
    def authorization(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.credentials['api_key']}"}

    @property
    def environment(self) -> dict[str, str]:
        """What programs that use this service find in their environment."""
        kept = {name: os.environ[name] for name in ("PATH", "LANG", "LC_ALL") if name in os.environ}
        settings = {
            "TALLYSTICK_HOME": str(self.home),
            "TALLYSTICK_VERIFY_EVERY_S": "0",
            "TALLYSTICK_EXIT_FLUSH_MS": str(DELIVERED_WITHIN_MS),
        }
        return {**kept, **settings, **self.environ}

    def start(self) -> "Service":
        self.root.mkdir(exist_ok=True)
        self.port = self.port or free_port()
        command = [*self.wrapper, TALLYSTICK, "up", "--port", str(self.port)]
        command += ["--dashboard-port", "off", "--grpc-port", "off", *self.options]
        with (self.root / "output.txt").open("ab") as output:
            self.process = subprocess.Popen(
                command, env=self.environment, stdout=output, stderr=subprocess.STDOUT
            )
        self._wait()
        return self

    def stop(self) -> int:
        """Stop it as a service manager would; return its exit code."""
        assert self.process is not None
        os.kill(self.pid, signal.SIGTERM)
        return self.process.wait(PATIENCE_S)

    def kill(self) -> None:
        """End it as a lost power supply would."""
        if self.process is not None and self.process.poll() is None:
            os.kill(self.pid, signal.SIGKILL)
            self.process.wait(PATIENCE_S)

    def ask(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Send one request on a connection of its own, with nothing added to it; the answer must be as described."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE_S)
        try:
            connection.request(method, path, body, dict(headers or {}))
            answer = connection.getresponse()
            found = {name.lower(): value for name, value in answer.getheaders()}
            content = answer.read()
            check_answer(method, path, answer.status, found, content)
            return Answer(answer.status, found, content)
        finally:
            connection.close()

    @contextmanager
    def begun(self, body: bytes) -> Iterator[socket.socket]:
        """Give a connection on which the service is waiting for this OTLP body; none of it is sent yet."""
        with socket.create_connection(("127.0.0.1", self.port), PATIENCE_S) as connection:
            head = (
                f"POST /v1/logs HTTP/1.1\r\nHost: x\r\nContent-Type: {PROTOBUF}\r\n"
                f"Authorization: Bearer {self.credentials['api_key']}\r\n"
                f"Content-Length: {len(body)}\r\nExpect: 100-continue\r\n\r\n"
            )
            connection.sendall(head.encode())
            said = b""
            while not said.endswith(b"\r\n\r\n"):
                said += connection.recv(1)
            assert said.startswith(b"HTTP/1.1 100 "), said
            yield connection

    def get(self, path: str) -> Any:
        """Fetch JSON with the key of this machine, names of people too."""
        answer = self.ask("GET", path, headers={**self.authorization, **REVEALING})
        assert answer.status == 200, answer.body
        return answer.json

    def send(
        self,
        body: bytes,
        path: str = "/v1/logs",
        media_type: str = PROTOBUF,
        **headers: str,
    ) -> Answer:
        """Send OTLP with the key of this machine."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.ask(
            "POST", path, body, {**self.authorization, "Content-Type": media_type, **named}
        )

    def enrol(self, pair: KeyPair = EMITTER, **stated: object) -> Answer:
        """Register the identity key of tests.stores.Emitter, or another one."""
        claim = {"emitter": pair.name, "time_us": time.time_ns() // 1000, "vkey": pair.key.vkey}
        proof = sign_envelope(
            ENROLMENT_TYPE, encode({**claim, **stated}), pair.key.key_id.hex(), pair.sign
        )
        body = json.dumps({"emitter_vkey": pair.key.vkey, "proof": proof}).encode()
        headers = {**self.authorization, "Content-Type": "application/json"}
        return self.ask("POST", "/api/v1/enroll", body, headers)

    @property
    def operator(self) -> dict[str, str]:
        """What the commands of whoever runs the service show."""
        token = (self.home / "server" / OPERATOR_FILE).read_text(encoding="utf-8").strip()
        return {"Authorization": f"Bearer {token}"}

    def make_key(
        self, *scopes: str, by: Mapping[str, str] | None = None, **wanted: object
    ) -> Answer:
        """Ask for an API key, as the operator unless `by` is somebody else."""
        body = json.dumps({"name": "made", "scopes": scopes, **wanted}).encode()
        headers = {**(by or self.operator), "Content-Type": "application/json"}
        return self.ask("POST", "/api/v1/keys", body, headers)

    def key(
        self, *scopes: str, by: Mapping[str, str] | None = None, **wanted: object
    ) -> dict[str, str]:
        """Make an API key with these scopes; return the header that shows it."""
        made = self.make_key(*scopes, by=by, **wanted)
        assert made.status == 200, made.body
        return {"Authorization": f"Bearer {made.json['api_key']}"}

    def records(self) -> list[Any]:
        """Return every record line of the log."""
        headers = {**self.authorization, **REVEALING}
        answer = self.ask("GET", "/api/v1/records?from=0&to=100000", headers=headers)
        assert answer.status == 200, answer.body
        return [json.loads(line) for line in answer.body.splitlines()]

    def statements(self, kind: str | None = None) -> list[Any]:
        """Return the statements of the log, of one type or of all."""
        stated = [json.loads(one["statement"]) for one in self.records() if "statement" in one]
        return [one for one in stated if kind in (None, one["type"])]

    def rejected(self) -> list[dict[str, int]]:
        """Return the counts of every `log.reject` of a sender with a key, in order.

        Those of nobody are recorded together once a minute: when, no test can say.
        """
        stated = self.statements("log.reject")
        return [one["reject.counts"] for one in stated if one["reject.sender"] != "anonymous"]

    def tallystick(
        self, *arguments: str, environment: Mapping[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run a command as the user of this home would."""
        return subprocess.run(
            [TALLYSTICK, *arguments],
            env=environment or self.environment,
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
            check=False,
        )

    def _wait(self) -> None:
        assert self.process is not None
        end = time.monotonic() + PATIENCE_S
        while time.monotonic() < end:
            if self.process.poll() is not None:
                raise AssertionError(f"the service ended:\n{self.output}")
            try:
                if self.ask("GET", "/readyz").json["status"] in ("ready", "evidence"):
                    return
            except OSError:
                time.sleep(0.02)
        raise AssertionError(f"the service is not ready:\n{self.output}")


def record_count(body: bytes) -> int:
    """Count the log records of a protobuf request."""
    request = ExportLogsServiceRequest.FromString(body)
    return sum(len(s.log_records) for r in request.resource_logs for s in r.scope_logs)
