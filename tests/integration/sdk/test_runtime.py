"""The runtime with a real service on real sockets: what it states, what it delivers, and what it says of itself."""

import base64
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import tallystick
from tallystick import runtime as runtime_module
from tallystick.background import JOIN_S, Background
from tallystick.config import load_config
from tallystick.credentials import Credentials, save_credentials
from tallystick.event import Record
from tallystick.recording.recorder import SPOOL_DELETED
from tallystick.recording.sealer import Sealer
from tallystick.runtime import Runtime
from tallystick.shipping.recovery import Recovery
from tallystick.spool.files import Position, sessions
from tallystick.spool.outbox import Outbox
from tallystick.testing import API_KEY, Reply, Sink, SmallLog, running_sink
from tallystick.tracing.spans import SpanRequest, open_span
from tests.emitters import check_spool, draft
from tests.files import contents
from tests.patience import PATIENCE_S, until
from tests.requirements import requirement

TOKEN = base64.b64encode(b"t" * 32).decode()


@pytest.fixture
def log() -> SmallLog:
    return SmallLog.create()


@pytest.fixture
def sink(log: SmallLog) -> Iterator[Sink]:
    with running_sink(log) as running:
        running.enrolment = {
            "tenant": "default",
            "log_vkey": log.vkey,
            "service_vkey": "",
            "token_key_id": "t1",
            "token_key": TOKEN,
        }
        yield running


Start = Callable[..., Runtime]


@pytest.fixture
def start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Start]:
    """Start runtimes, and stop them at the end whatever happened.

    Nothing is opened and sent before a test records something, however long it takes to do so.
    """
    monkeypatch.setattr("tallystick.background.OPEN_DELAY_S", PATIENCE_S)
    started: list[Runtime] = []

    def start(**settings: object) -> Runtime:
        environ = {"TALLYSTICK_HOME": str(tmp_path), "TALLYSTICK_LINGER_MS": "5"}
        made = Runtime(load_config(environ, **settings))
        made.start()
        started.append(made)
        return made

    yield start
    for made in started:
        made.shutdown(0)


def names(records: list[Record]) -> list[str]:
    return [str(one.statement.get("tool.name", one.statement["type"])) for one in records]


def test_a_flush_delivers_and_the_status_says_so(start: Start, sink: Sink) -> None:
    running = start(endpoint=sink.url, api_key=API_KEY)
    for name in "abc":
        running.recorder.record(draft(name))
    assert running.flush(PATIENCE_S)
    status = running.status()
    assert names(sink.records()) == ["session.open", "a", "b", "c"]
    assert (status.recorded, status.sealed, status.unshipped) == (4, 4, 0)
    assert status.is_healthy
    assert status.endpoint == sink.url
    assert "enrolled with tenant default" in status.enrolment
    until(lambda: "everything sealed is delivered" in running.status().shipping)
    assert sink.requests[0][1] == "/api/v1/enroll"
    assert {headers["authorization"] for _, _, headers, _ in sink.requests} == {f"Bearer {API_KEY}"}


def test_who_waits_for_delivery_and_who_delivers_look_at_one_outbox(
    start: Start, sink: Sink, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They may ask for it at one moment: with one each, the end of a process waited for a delivery long made."""
    kept: list[Background] = []

    def start_nothing(self: Background) -> None:
        kept.append(self)

    monkeypatch.setattr(Background, "start", start_nothing)
    start(endpoint=sink.url).recorder.record(draft("a"))
    background = kept[0]
    others: list[threading.Thread] = []
    seen: list[Outbox | None] = []

    def make_slowly(*arguments: Any) -> Outbox:
        if not others:
            others.append(threading.Thread(target=lambda: seen.append(background.outbox)))
            others[0].start()
            others[0].join(0.2)
        return Outbox(*arguments)

    monkeypatch.setattr("tallystick.background.Outbox", make_slowly)
    seen.append(background.outbox)
    others[0].join(PATIENCE_S)
    assert len(seen) == 2
    assert seen[0] is seen[1]


def test_the_first_record_of_a_new_home_is_masked_with_the_tenant_s_token_key(
    start: Start, sink: Sink
) -> None:
    running = start(endpoint=sink.url)
    running.recorder.record(draft("a"))
    running.flush(PATIENCE_S)
    assert [one.statement["mask.key_id"] for one in sink.records()] == ["t1", "t1"]


@pytest.mark.parametrize("is_away", [False, True])
def test_a_start_waits_neither_for_a_service_that_is_silent_nor_for_one_that_is_away(
    start: Start, monkeypatch: pytest.MonkeyPatch, *, is_away: bool
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        if is_away:
            monkeypatch.setattr("tallystick.runtime.FIRST_ENROLMENT_S", PATIENCE_S)
            silent.close()
        else:
            monkeypatch.setattr("tallystick.runtime.FIRST_ENROLMENT_S", 0.01)
        running = start(endpoint=f"http://127.0.0.1:{port}")
        assert running.recorder.record(draft("a")).is_spooled
        assert running.masking.key_id.startswith("local")
        assert running.status().shipping.startswith("waiting") == is_away
        assert not running.flush(0)


def test_a_home_that_cannot_be_written_is_no_fault_of_the_package(
    start: Start, sink: Sink, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("no directory")
    running = start(endpoint=sink.url, home=str(tmp_path / "file" / "home"))
    running.recorder.record(draft("a"))
    until(lambda: "Not a directory" in str(running.status().spool_error))
    assert running.status().alarms == ()


def test_the_tenant_s_token_key_is_in_force_after_enrolment_and_in_the_next_process(
    start: Start, sink: Sink
) -> None:
    given, sink.enrolment = sink.enrolment, Reply(503)
    running = start(endpoint=sink.url)
    running.recorder.record(draft("a"))
    sink.enrolment = given
    running.flush(PATIENCE_S)
    running.recorder.record(draft("b"))
    running.flush(PATIENCE_S)
    keys = {
        str(r.statement.get("tool.name")): str(r.statement["mask.key_id"]) for r in sink.records()
    }
    assert keys["a"].startswith("local")
    assert keys["b"] == "t1"
    running.shutdown(PATIENCE_S)
    later = start(endpoint=sink.url)
    later.recorder.record(draft("c"))
    later.flush(PATIENCE_S)
    assert sink.records()[-1].statement["mask.key_id"] == "t1"


def test_events_state_the_newest_checkpoint_also_in_the_next_process(
    start: Start, sink: Sink, log: SmallLog
) -> None:
    running = start(endpoint=sink.url)
    running.recorder.record(draft("a"))
    running.flush(PATIENCE_S)
    until(lambda: running.status().log_size)
    seen = running.status().log_size
    running.recorder.record(draft("b"))
    running.flush(PATIENCE_S)
    stated = {str(r.statement.get("tool.name")): r.statement for r in sink.records()}
    assert "log.size" not in stated["a"]
    assert stated["b"]["log.size"] >= seen
    assert stated["b"]["log.origin"] == "sink.example/default"
    running.shutdown(PATIENCE_S)
    later = start(endpoint=sink.url)
    assert (later.status().log_size or 0) >= (seen or 0)
    later.recorder.record(draft("c"))
    later.flush(PATIENCE_S)
    assert sink.records()[-1].statement["log.size"] >= seen


def test_a_log_that_was_cut_is_an_alarm_in_the_status(
    start: Start, sink: Sink, log: SmallLog
) -> None:
    running = start(endpoint=sink.url)
    for name in "abc":
        running.recorder.record(draft(name))
    running.flush(PATIENCE_S)
    until(lambda: running.status().log_size)
    running.shutdown(PATIENCE_S)
    log.leaves[:] = [bytes(32)]
    later = start(endpoint=sink.url)
    later.recorder.record(draft("d"))
    later.flush(PATIENCE_S)
    until(lambda: later.status().alarms)
    assert later.status().alarms[0].startswith("the log ")
    assert not later.status().is_healthy
    assert any(line.startswith("ALARM") for line in later.status().lines())


@requirement("spool.survives-kill")
def test_a_service_that_comes_and_goes_gets_everything_once(start: Start, sink: Sink) -> None:
    running = start(endpoint=sink.url)
    sink.kill()
    running.recorder.record(draft("a"))
    assert not running.flush(0.2)
    until(lambda: "waiting" in running.status().shipping)
    assert running.status().unshipped == 2
    assert running.status().is_healthy
    sink.restart()
    sink.replies.extend(
        [Reply(503), Reply(is_taken=True, dies_after_bytes=10), Reply(dies_after_bytes=0)]
    )
    running.recorder.record(draft("b"))
    until(lambda: running.flush(5))
    assert names(sink.records()) == ["session.open", "a", "b"]
    assert running.status().unshipped == 0


def test_credentials_that_appear_later_are_found(
    start: Start, sink: Sink, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tallystick.background.FIND_SERVICE_S", 0.02)
    running = start()
    running.recorder.record(draft("a"))
    assert not running.flush(1)
    assert "no service configured" in running.status().shipping
    assert running.status().endpoint is None
    save_credentials(tmp_path / "credentials.json", Credentials(f"{sink.url}/", API_KEY))
    until(lambda: running.status().unshipped == 0 and sink.records())
    assert running.flush(PATIENCE_S)
    assert names(sink.records()) == ["session.open", "a"]
    assert sink.requests[-1][2]["authorization"] == f"Bearer {API_KEY}"


def test_settings_win_over_credentials(start: Start, sink: Sink, tmp_path: Path) -> None:
    save_credentials(tmp_path / "credentials.json", Credentials("http://127.0.0.1:1", "other"))
    running = start(endpoint=sink.url, api_key=API_KEY)
    assert (running.endpoint, running.api_key) == (sink.url, API_KEY)
    assert start().endpoint == "http://127.0.0.1:1"


def test_a_wrong_api_key_is_said_and_nothing_is_lost(start: Start, sink: Sink) -> None:
    sink.enrolment = Reply(401)
    running = start(endpoint=sink.url)
    running.recorder.record(draft("a"))
    assert not running.flush(0.2)
    until(lambda: "401" in running.status().shipping)
    assert "401" in running.status().enrolment
    sink.enrolment = {"tenant": "default"}
    assert running.flush(PATIENCE_S)
    assert names(sink.records()) == ["session.open", "a"]


def test_another_log_key_than_the_pinned_one_stops_shipping_and_is_an_alarm(
    start: Start, sink: Sink, tmp_path: Path
) -> None:
    other = SmallLog.create().vkey
    save_credentials(tmp_path / "credentials.json", Credentials(sink.url, API_KEY, log_vkey=other))
    running = start()
    running.recorder.record(draft("a"))
    until(lambda: running.status().alarms)
    assert not running.flush(0.5)
    assert "another log_vkey" in running.status().alarms[0]
    assert sink.bodies == []


def test_refused_records_show_in_the_status_with_their_reason(start: Start, sink: Sink) -> None:
    sink.judge = lambda body: "statement_invalid" if '"tool.name":"b"' in body else None
    running = start(endpoint=sink.url)
    for name in "abc":
        running.recorder.record(draft(name))
    assert running.flush(PATIENCE_S)
    status = running.status()
    assert (status.rejected, status.rejected_reasons) == (1, {"statement_invalid": 1})
    assert any("REJECTED   1 records: statement_invalid" in line for line in status.lines())
    assert not status.is_healthy


def test_shutting_down_closes_delivers_and_forgets(
    start: Start, sink: Sink, tmp_path: Path
) -> None:
    before = set(threading.enumerate())
    running = start(endpoint=sink.url)
    running.recorder.record(draft("a"))
    own = [one for one in set(threading.enumerate()) - before if one.name.startswith("tallystick")]
    assert own
    running.shutdown(PATIENCE_S)
    running.shutdown(PATIENCE_S)
    assert names(sink.records()) == ["session.open", "a", "session.close"]
    assert sink.records()[-1].statement["session.reason"] == "shutdown"
    assert sessions(tmp_path / "spool") == []
    until(lambda: not any(thread.is_alive() for thread in own))


def test_what_is_delivered_is_forgotten_also_where_a_thread_ends_late(
    start: Start, sink: Sink, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seal_loop = Background._seal_loop  # noqa: SLF001 - it ends when the runtime does

    def slow(self: Background) -> None:
        seal_loop(self)
        threading.Event().wait(2 * JOIN_S)

    monkeypatch.setattr(Background, "_seal_loop", slow)
    running = start(endpoint=sink.url)
    running.recorder.record(draft("a"))
    running.shutdown(PATIENCE_S)
    assert names(sink.records()) == ["session.open", "a", "session.close"]
    assert sessions(tmp_path / "spool") == []


def test_shutting_down_without_a_service_leaves_the_session_for_the_next(
    start: Start, sink: Sink, tmp_path: Path
) -> None:
    running = start()
    running.recorder.record(draft("a"))
    running.shutdown(0)
    (found,) = check_spool(tmp_path / "spool").values()
    assert found.names == ["session.open", "a", "session.close"]
    later = start(endpoint=sink.url)
    until(lambda: later.status().recovered_sessions == 1)
    assert "a" in names(sink.records())


def test_a_service_that_is_down_does_not_hold_up_the_end(start: Start, sink: Sink) -> None:
    running = start(endpoint=sink.url)
    sink.kill()
    running.recorder.record(draft("a"))
    before = time.monotonic()
    running.shutdown(PATIENCE_S)
    assert time.monotonic() - before < PATIENCE_S / 2  # of which it would wait for one that lives
    sink.restart()


def test_a_process_that_records_nothing_for_a_second_has_an_open_session(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tallystick.background.OPEN_DELAY_S", 0.01)
    running = start(service_name="shop", service_version="1.2", environment="test")
    running.set_frameworks({"mcp": "active 2.3.0"})
    until(lambda: running.status().session)
    (found,) = check_spool(running.config.spool_dir).values()
    stated = found.records[0].statement
    assert (stated["service.name"], stated["service.version"]) == ("shop", "1.2")
    assert stated["deployment.environment"] == "test"
    assert {one.field for one in found.records[0].disclosures} == {"host.name"}
    assert running.status().frameworks == {"mcp": "active 2.3.0"}


def test_a_session_beats_while_it_is_idle(start: Start, sink: Sink) -> None:
    running = start(endpoint=sink.url, heartbeat_s=1)
    running.recorder.record(draft("a"))
    until(lambda: "session.heartbeat" in names(sink.records()))
    beat = next(r for r in sink.records() if r.statement["type"] == "session.heartbeat")
    assert beat.statement["session.size"] == beat.seq


def test_other_exporters_are_flushed_too_in_the_time_that_is_left_and_may_fail(
    start: Start, sink: Sink, caplog: pytest.LogCaptureFixture
) -> None:
    running = start(endpoint=sink.url)
    asked: list[float] = []

    def broken(timeout_s: float) -> None:
        raise RuntimeError("exporter")

    running.on_flush(broken)
    running.on_flush(asked.append)
    running.recorder.record(draft("a"))
    assert running.flush(PATIENCE_S)
    running.shutdown(PATIENCE_S)
    assert len(asked) == 2
    assert all(0 < left_s < PATIENCE_S for left_s in asked)
    assert "a flush of spans failed" in caplog.text


def test_the_export_of_spans_ends_with_its_runtime(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    running = start(endpoint="http://127.0.0.1:9")
    monkeypatch.setattr(runtime_module, "_current", running)
    before = set(threading.enumerate())
    open_span(SpanRequest("lookup", "client", {}, 1)).end(2, None)
    exporting = set(threading.enumerate()) - before
    assert len(exporting) == 2
    running.flush(0.2)
    running.shutdown(0)
    until(lambda: not any(thread.is_alive() for thread in exporting))


def test_damaged_files_are_warnings_and_recording_goes_on(start: Start, tmp_path: Path) -> None:
    (tmp_path / "credentials.json").write_text("{")
    (tmp_path / "token.key").write_text("zz")
    running = start()
    assert running.recorder.record(draft("a")).is_spooled
    warnings = "\n".join(running.status().warnings)
    assert "credentials.json" in warnings
    assert "token.key" in warnings


def test_a_key_in_clear_and_open_files_are_warnings(start: Start, tmp_path: Path) -> None:
    start().recorder.record(draft("a"))
    (tmp_path / "emitter.key").chmod(0o644)
    running = start(endpoint="http://log.invalid", api_key=API_KEY)
    warnings = "\n".join(running.status().warnings)
    assert "unencrypted" in warnings
    assert "0644" in warnings
    assert API_KEY not in warnings + "\n".join(running.status().lines())


def test_a_fault_of_our_own_is_an_alarm_and_ends_no_thread(
    start: Start, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("tallystick.background.FAULT_PAUSE_S", 0.01)
    faults = [ZeroDivisionError("ship"), ZeroDivisionError("seal")]
    adopt, step = Recovery.adopt, Sealer.step

    def faulty_adopt(self: Recovery) -> None:
        if len(faults) == 2:
            raise faults.pop()
        adopt(self)

    def faulty_step(self: Sealer, acked: Position) -> float:
        if len(faults) == 1:
            raise faults.pop()
        return step(self, acked)

    monkeypatch.setattr(Recovery, "adopt", faulty_adopt)
    monkeypatch.setattr(Sealer, "step", faulty_step)
    running = start()
    until(lambda: len(faults) == 1)
    running.recorder.record(draft("a"))
    until(lambda: running.status().sealed == 2)
    assert [text.split()[0] for text in running.status().alarms] == ["shipping", "sealing"]
    assert "ZeroDivisionError" in caplog.text


def test_a_spool_that_is_deleted_is_begun_anew_and_the_loss_is_exact(
    start: Start, sink: Sink, tmp_path: Path
) -> None:
    running = start(endpoint=sink.url)
    running.recorder.record(draft("delivered"))
    assert running.flush(PATIENCE_S)
    sink.kill()
    running.recorder.record(draft("lost"))
    until(lambda: running.status().sealed == 3)
    for path in (tmp_path / "spool").iterdir():
        path.unlink(missing_ok=True)
    (tmp_path / "spool").rmdir()
    running.recorder.record(draft("lost too"))
    until(lambda: running.status().lost)
    sink.restart()
    running.recorder.record(draft("after"))
    until(lambda: running.flush(5))
    status = running.status()
    assert status.lost == {SPOOL_DELETED: 2}
    stated = [one for one in sink.records() if one.statement["type"] == "log.drop"]
    assert [one.statement["drop.count"] for one in stated] == [2]
    assert names(sink.records())[:2] == ["session.open", "delivered"]
    assert "after" in names(sink.records())
    assert len({one.session for one in sink.records()}) == 2


def test_the_public_functions_work_without_a_runtime() -> None:
    assert tallystick.status().session is None
    assert tallystick.status().is_healthy
    assert tallystick.flush(0)
    tallystick.shutdown()
    with pytest.raises(AttributeError, match="nonsense"):
        _ = tallystick.nonsense
    assert {"agent", "caller", "tool_call", "audited_tool", "record"} <= set(dir(tallystick))


def test_instrument_is_idempotent_and_stays_callable(
    sink: Sink, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TALLYSTICK_HOME", str(tmp_path))
    handle = tallystick.instrument(endpoint=sink.url, frameworks=())
    first = runtime_module.current()
    import tallystick.instrument as package

    assert callable(package)
    tallystick.instrument()
    assert runtime_module.current() is first
    with tallystick.tool_call("lookup", {"q": 1}):
        pass
    assert handle.flush(PATIENCE_S)
    assert handle.status().recorded == 3
    handle.shutdown(PATIENCE_S)
    assert runtime_module.current() is None
    assert names(sink.records()) == ["session.open", "lookup", "lookup", "session.close"]
    tallystick.uninstrument()


def test_no_secret_reaches_logs_or_status(
    start: Start, sink: Sink, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(0)
    sink.replies.extend([Reply(401), Reply(503)])
    sink.judge = lambda body: "statement_invalid" if "session.close" in body else None
    running = start(endpoint=sink.url, api_key=API_KEY)
    running.recorder.record(draft("a", params={"password": "hunter2-canary"}))
    running.flush(1)
    running.flush(PATIENCE_S)
    running.shutdown(5)
    shown = (
        caplog.text + "\n".join(running.status().lines()) + json.dumps(running.status().shipping)
    )
    for secret in (API_KEY, TOKEN, "hunter2-canary", "t" * 32):
        assert secret not in shown
    for path, content in contents(tmp_path):
        assert b"hunter2-canary" not in content, path
