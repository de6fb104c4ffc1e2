"""Erasure, backup and restore of a real service, by the commands that people type."""

import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import grpc
import pytest

from tallystick.event import Record
from tallystick_store.rows import EventRow
from tests.erasable import ADA, BOB
from tests.files import bytes_of
from tests.integration.ingest.programs.killed import STAGES_OF_ERASING
from tests.patience import PATIENCE_S, until
from tests.ports import free_port
from tests.requirements import requirement
from tests.sending import JSON, as_protobuf, item, logs_protobuf, span_json
from tests.serving import TALLYSTICK, Service
from tests.stores import EMITTER, Emitter

ALWAYS = ("the erasure is stated", "the keys are destroyed")
KILLED = Path(__file__).with_name("programs") / "killed.py"
EXPORT = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"


class Person:
    """Somebody with an account, at a terminal of their own."""

    def __init__(self, service: Service, name: str, role: str) -> None:
        self.service, self.name = service, name
        said = service.tallystick("accounts", "add", name, "--role", role)
        self.password = said.stdout.split()[-1]

    def erase(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [TALLYSTICK, "erase", "--as", self.name, *arguments],
            env=self.service.environment,
            input=f"{self.password}\n",
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
            check=False,
        )

    def wait_until_done(self, id_: str) -> None:
        until(lambda: f"{id_}  carried out" in self.erase().stdout, lambda: self.service.output)


class Sender:
    """Two people's calls in one session, which can be sent again."""

    def __init__(self, service: Service) -> None:
        self.service, self.emitter = service, Emitter("sender")
        self.opened = [item(self.emitter.opened()), item(self.emitter.seal())]
        self.calls = [
            item(EventRow(self.call(name, ref))) for name, ref in (("ada", ADA), ("bob", BOB))
        ]
        self.sealed = item(self.emitter.seal())

    def call(self, name: str, ref: str) -> Record:
        said = {"principal.id": f"{name}-id", "params": f'{{"secret":"{name}-params"}}'}
        return self.emitter.record(
            "tool.completed", said, principal__ref=ref, tool__name="lookup", trace__id=ref
        )

    def send(self) -> None:
        answer = self.service.send(logs_protobuf([*self.opened, *self.calls, self.sealed]))
        assert (answer.status, answer.body) == (200, b""), answer.body
        for name, ref in (("ada", ADA), ("bob", BOB)):
            attributes = {"gen_ai.tool.name": f"{name}-span"}
            sent = span_json(attributes, traceId=ref, spanId=ref[:16], name="chat")
            assert self.service.send(sent, "/v1/traces", JSON).status == 200


MakeService = Callable[..., Service]


@requirement("erasure.bytes", "erasure.two-people")
def test_a_person_is_erased_by_two_others_and_a_resend_changes_nothing(
    make_service: MakeService, tmp_path: Path
) -> None:
    service = make_service().start()
    assert service.enrol(EMITTER).status == 200
    sender = Sender(service)
    sender.send()
    cora, alan = Person(service, "cora", "compliance"), Person(service, "alan", "admin")
    counted = cora.erase("--principal", ADA)
    assert counted.stdout.startswith("2 entries: the values of 1 records and 1 spans"), counted
    asked = cora.erase("--principal", ADA, "--reason", "she asked for it")
    id_ = asked.stdout.partition(":")[0]
    refused = cora.erase("--confirm", id_, "--reason", "myself")
    assert "403" in refused.stderr
    confirmed = alan.erase("--confirm", id_, "--reason", "seen")
    assert confirmed.returncode == 0, confirmed.stderr
    cora.wait_until_done(id_)
    sender.send()
    backup, keys = tmp_path / "backup", tmp_path / "keys.sqlite"
    made = service.tallystick("backup", str(backup), "--keys", str(keys))
    assert made.returncode == 0, made.stderr
    policy = tmp_path / "policy"
    own = service.tallystick("keys", "policy").stdout
    policy.write_text(f"{own}emitter {EMITTER.key.vkey}\n")
    assert service.stop() == 0
    everything = bytes_of(service.data)
    for value in (b"ada-id", b"ada-params", b"ada-span"):
        assert value not in everything, value
    assert b"bob-params" not in bytes_of(backup)
    verified = service.tallystick("verify", "--data", str(service.data), "--policy", str(policy))
    assert verified.returncode == 0, verified.stdout
    assert "erased under authority" in verified.stdout
    restored = service.tallystick("restore", str(backup), "--data", str(tmp_path / "restored"))
    assert restored.returncode == 0, restored.stderr
    again = service.tallystick(
        "verify", "--data", str(tmp_path / "restored"), "--policy", str(policy)
    )
    assert again.returncode == 0, again.stdout


@requirement("backup.fork")
def test_a_backup_of_a_log_that_went_on_is_not_put_in_its_place(
    make_service: MakeService, tmp_path: Path
) -> None:
    service = make_service().start()
    assert service.enrol(EMITTER).status == 200
    assert service.tallystick("backup", str(tmp_path / "backup")).returncode == 0
    Sender(service).send()
    assert service.stop() == 0
    newest = service.data / "log" / "checkpoint"
    where = ("--data", str(tmp_path / "restored"), "--checkpoint", str(newest))
    refused = service.tallystick("restore", str(tmp_path / "backup"), *where)
    assert refused.returncode == 1
    assert "must not go on from here" in refused.stderr
    assert not (tmp_path / "restored").exists()
    evidence = service.tallystick("restore", str(tmp_path / "backup"), *where, "--as-evidence")
    assert evidence.returncode == 0, evidence.stderr
    assert "nothing is signed any more" in evidence.stdout
    (service.home / "credentials.json").unlink()
    port = free_port()
    service.options = ("--data", str(tmp_path / "restored"), "--grpc-port", str(port))
    service.start()
    ready = service.ask("GET", "/readyz")
    assert (ready.status, ready.json["status"]) == (503, "evidence")
    assert "retry-after" not in ready.headers
    assert service.ask("GET", "/healthz").status == 200
    asked = service.tallystick("health")
    assert (asked.returncode, "takes no records (restored as evidence)" in asked.stderr) == (
        1,
        True,
    )
    metrics = service.ask("GET", "/metrics", headers=service.authorization).body.decode()
    assert "\ntallystick_ready 0.0\n" in metrics
    assert '\ntallystick_part_state{part="status",state="evidence"} 1.0\n' in metrics
    refused_otlp = service.send(span_json(), "/v1/traces", JSON)
    assert refused_otlp.status == 503
    assert "was restored as evidence" in refused_otlp.json["message"]
    assert "was restored as evidence" in service.enrol().json["error"]
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel, pytest.raises(grpc.RpcError) as rpc:
        channel.unary_unary(EXPORT)(
            as_protobuf(span_json()),
            metadata=[(name.lower(), value) for name, value in service.authorization.items()],
            timeout=PATIENCE_S,
            wait_for_ready=True,
        )
    assert rpc.value.code() == grpc.StatusCode.UNAVAILABLE
    assert "was restored as evidence" in rpc.value.details()
    assert "read only, takes no records" in service.output
    assert not (service.home / "credentials.json").exists()


@requirement("erasure.resumes")
@pytest.mark.parametrize(
    "stage",
    [
        pytest.param(one, marks=[] if one in ALWAYS else pytest.mark.slow)
        for one in STAGES_OF_ERASING
    ],
)
def test_a_service_killed_while_it_erases_goes_on_at_its_next_start(
    make_service: MakeService, stage: str
) -> None:
    service = make_service()
    service.wrapper = (sys.executable, str(KILLED), stage)
    service.start()
    assert service.enrol(EMITTER).status == 200
    Sender(service).send()
    cora, alan = Person(service, "cora", "compliance"), Person(service, "alan", "admin")
    id_ = cora.erase("--trace", ADA, "--reason", "again").stdout.partition(":")[0]
    alan.erase("--confirm", id_, "--reason", "seen")
    assert service.process is not None
    assert service.process.wait(PATIENCE_S) == -signal.SIGKILL
    service.wrapper = ()
    service.start()
    cora.wait_until_done(id_)
    assert service.stop() == 0
    everything = bytes_of(service.data)
    assert b"ada-" not in everything
    assert b"bob-" in everything
