"""Starting, stopping and starting again: in order, in time, and with clear words when it cannot."""

import json
import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.patience import PATIENCE_S
from tests.requirements import requirement
from tests.sending import JSON, batch, logs_protobuf, partial, span_json
from tests.serving import TALLYSTICK, Service
from tests.stores import Emitter

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

Make = Callable[..., Service]


def fails(service: Service, *options: str) -> str:
    """Start the service where it cannot start; return what it says."""
    done = subprocess.run(
        [
            *(TALLYSTICK, "up", "--port", str(service.port or 0)),
            *("--dashboard-port", "off", "--grpc-port", "off", *options),
        ],
        env=service.environment,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    return done.stderr


def test_it_stops_in_order_and_goes_on_where_it_stopped(make_service: Make) -> None:
    service = make_service().start()
    service.enrol()
    emitter = Emitter()
    service.send(logs_protobuf(batch(emitter, 2)))
    service.send(span_json({}), "/v1/traces", JSON)
    assert service.stop() == 0
    assert "everything accepted is kept" in service.output
    service.start()
    assert service.output.count("/admin#") == 1
    assert partial(service.send(logs_protobuf(batch(emitter, 1, opened=False))).body) == (0, "")
    statements = service.statements()
    own = [one for one in statements if one.get("service.name") == "tallystick"]
    assert len({one["session"] for one in own}) == 2
    [closed] = [one for one in statements if one["type"] == "session.close"]
    first = [one for one in statements if one["session"] == closed["session"]]
    assert closed["session.size"] == closed["seq"] == len(first) - 1
    kept = [one["seq"] for one in statements if one["session"] == emitter.session]
    assert kept == [0, 1, 2, 3]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_request_in_progress_is_finished_and_further_ones_get_a_503(
    make_service: Make, number: signal.Signals
) -> None:
    service = make_service().start()
    service.enrol()
    body = logs_protobuf(batch(Emitter(), 2))
    assert service.process is not None
    with service.begun(body) as connection:
        connection.sendall(body[:100])
        service.process.send_signal(number)
        while service.send(b"").status == 200:
            time.sleep(0.02)
        late = service.send(b"")
        assert (late.status, late.headers["retry-after"]) == (503, "1")
        assert late.headers["connection"] == "close"
        assert service.ask("GET", "/readyz").status == 503
        connection.sendall(body[100:])
        assert connection.recv(100).startswith(b"HTTP/1.1 200")
    assert service.process.wait(PATIENCE_S) == 0
    service.start()
    assert len([one for one in service.statements() if one["type"] == "tool.completed"]) == 2


def test_a_port_in_use_is_said_plainly_and_touches_nothing(make_service: Make) -> None:
    service = make_service()
    service.root.mkdir()
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        service.port = other.getsockname()[1]
        said = fails(service)
    assert f"port {service.port} on 127.0.0.1 is in use" in said
    assert "--port" in said
    assert not service.home.exists()


def test_a_data_directory_in_use_is_said_plainly(make_service: Make) -> None:
    service = make_service().start()
    other = make_service("other", environ={"TALLYSTICK_DATA": str(service.data)})
    other.root.mkdir()
    said = fails(other)
    assert "in use" in said or "another log" in said
    assert service.ask("GET", "/readyz").status == 200


def test_a_log_keeps_its_name(make_service: Make) -> None:
    service = make_service(options=["--name", "log.example/one"]).start()
    assert service.credentials["tenant"] == "log.example/one"
    assert service.stop() == 0
    assert "named 'log.example/one', not 'log.example/two'" in fails(
        service, "--name", "log.example/two"
    )


@pytest.mark.parametrize("file", ["log.key", "service.key", "token.key"])
def test_a_lost_or_damaged_key_is_never_made_anew(make_service: Make, file: str) -> None:
    service = make_service().start()
    assert service.stop() == 0
    path = service.home / "server" / file
    kept = path.read_bytes()
    path.unlink()
    assert file in fails(service)
    path.write_bytes(b"damaged")
    assert file in fails(service)
    path.write_bytes(kept)
    service.start()


def test_secrets_that_others_can_read_are_made_private_and_named(make_service: Make) -> None:
    service = make_service().start()
    assert service.stop() == 0
    key = service.home / "server" / "log.key"
    key.chmod(0o644)
    service.start()
    assert key.stat().st_mode & 0o777 == 0o600
    assert "could be read by others" in service.output


def test_credentials_of_another_log_stay_as_they_are(make_service: Make, tmp_path: Path) -> None:
    service = make_service().start()
    assert service.stop() == 0
    path = service.home / "credentials.json"
    kept = path.read_bytes()
    other = make_service(
        "service",
        options=["--data", str(tmp_path / "d2"), "--secrets", str(tmp_path / "s2")],
    ).start()
    assert path.read_bytes() == kept
    assert "stays as it is" in other.output


def test_credentials_follow_the_port_and_keep_their_key(make_service: Make) -> None:
    service = make_service().start()
    before = json.loads((service.home / "credentials.json").read_text())
    assert service.stop() == 0
    service.port = 0
    service.start()
    after = json.loads((service.home / "credentials.json").read_text())
    assert after["url"] == f"http://127.0.0.1:{service.port}"
    assert {**before, "url": ""} == {**after, "url": ""}


def test_a_new_admin_link_voids_the_first(make_service: Make) -> None:
    service = make_service().start()
    first = service.output.partition("/admin#")[2].split()[0]
    assert service.stop() == 0
    again = make_service(options=["--admin-link"])
    again.port = service.port
    again.start()
    second = again.output.rpartition("/admin#")[2].split()[0]
    claims = {token: json.dumps({"token": token}).encode() for token in (first, second)}
    statuses = [
        again.ask("POST", "/admin/claim", body, {"Content-Type": JSON}).status
        for body in claims.values()
    ]
    assert statuses == [401, 200]


def test_it_is_ready_within_three_seconds_of_processor_time(make_service: Make) -> None:
    service = make_service().start()
    assert service.process is not None
    fields = Path(f"/proc/{service.process.pid}/stat").read_text(encoding="ascii").split()
    assert (int(fields[13]) + int(fields[14])) / os.sysconf("SC_CLK_TCK") <= 3.0


@requirement("otlp.success-after-commit")
def test_a_full_disk_is_a_503_and_what_comes_later_is_kept(make_service: Make) -> None:
    """A limit on file size stands in for the full disk: the database can grow no more."""
    service = make_service(wrapper=["prlimit", "--fsize=4000000:4000000"]).start()
    service.enrol()
    emitter = Emitter()
    assert service.send(logs_protobuf(batch(emitter, 0))).status == 200
    acknowledged, status = 0, 200
    while status == 200 and acknowledged < 20_000:
        answer = service.send(logs_protobuf(batch(emitter, 200, opened=False)))
        status = answer.status
        acknowledged += 200 if status == 200 else 0
    assert (status, answer.headers.get("retry-after")) == (503, "1")
    service.kill()
    roomy = make_service("service")
    roomy.port = service.port
    roomy.start()
    kept = [one for one in roomy.statements() if one["type"] == "tool.completed"]
    assert len(kept) >= acknowledged
    assert partial(roomy.send(logs_protobuf(batch(emitter, 1, opened=False))).body)[0] in (0, 1)


@requirement("otlp.success-after-commit")
def test_the_fsync_of_the_commit_comes_before_the_first_byte_of_the_200(
    make_service: Make, tmp_path: Path
) -> None:
    from shutil import which

    assert which("strace"), "install strace: this test watches the system calls of the service"
    trace = tmp_path / "calls.txt"
    strace = ["strace", "-f", "-y", "-qq", "-s", "24", "-o", str(trace)]
    calls = "trace=fsync,fdatasync,write,writev,sendto,sendmsg,recvfrom,read"
    service = make_service(wrapper=[*strace, "-e", calls]).start()
    service.enrol()
    for number in range(3):
        body = logs_protobuf(batch(Emitter(f"watched {number}"), 2))
        assert service.send(body).status == 200
    service.stop()
    lines = trace.read_text(encoding="utf-8", errors="replace").splitlines()
    assert [
        synced_before_answer(lines, at) for at, line in enumerate(lines) if '"POST /v1/logs' in line
    ] == [True] * 3


def synced_before_answer(lines: list[str], start: int) -> bool:
    """Whether the journal was synced between the arrival of a request and its 200."""
    for line in lines[start:]:
        if "sync(" in line and ".journal>" in line:
            return True
        if "HTTP/1.1 200" in line:
            return False
    return False
