"""Real processes: however one ends, what `record` acknowledged is in the spool, and the next one delivers it."""

import base64
import math
import random
import signal
import subprocess
from pathlib import Path

import pytest

from tallystick.event import Record
from tallystick.shipping.recovery import MAX_LEAVES
from tallystick.spool.files import sessions
from tallystick.testing import Sink, running_sink
from tallystick.tlog.ed25519 import load_verify
from tallystick.tlog.note import parse_vkey
from tallystick.tlog.seal import parse_seal, verify_seal
from tests.emitters import check_spool
from tests.integration.sdk.programs import lines_until, rest_of, run, running
from tests.requirements import requirement

STEADY = """
for number in range(1_000_000):
    receipt = record(f"t{number}", params={"number": number, "text": "x" * 300})
    say(receipt.session, receipt.seq, receipt.leaf_hash.hex())
"""


def succeeded(program: "subprocess.CompletedProcess[str]") -> list[str]:
    assert program.returncode == 0, program.stderr
    return program.stdout.splitlines()


def names(records: list[Record]) -> list[str]:
    return [str(one.statement.get("tool.name", one.statement["type"])) for one in records]


def covered(sink: Sink) -> dict[tuple[str, int], bytes]:
    """Return every leaf that a seal covers or an adopter stated, after checking each seal's signature."""
    verify, records = load_verify(), sink.records()
    keys = {
        one.session: parse_vkey(str(one.statement["session.key"]))
        for one in records
        if one.statement["type"] == "session.open"
    }
    found: dict[tuple[str, int], bytes] = {}
    for body in sink.seals():
        seal = parse_seal(body)
        session = seal.origin.removeprefix("tallystick.session/")
        verify_seal(seal, keys[session], verify)
        found |= {(session, seal.old_size + i): leaf for i, leaf in enumerate(seal.leaf_hashes)}
    for one in (r.statement for r in records if r.statement["type"] == "session.recovered"):
        for offset, leaf in enumerate(one["recovered.leaves"]):
            place = (str(one["recovered.session"]), one["recovered.first_seq"] + offset)
            found[place] = base64.b64decode(leaf)
    return found


@requirement("spool.forgets-what-a-200-covered")
def test_a_program_that_ends_has_delivered_everything_and_leaves_nothing(tmp_path: Path) -> None:
    with running_sink() as sink:
        succeeded(run("for name in 'abc': record(name)", tmp_path, sink.url))
        assert names(sink.records()) == ["session.open", "a", "b", "c", "session.close"]
        records = sink.records()
        assert {(r.session, r.seq): r.leaf_hash for r in records} == covered(sink)
        assert records[-1].statement["session.reason"] == "process exit"
    assert sessions(tmp_path / "spool") == []


def test_a_program_that_records_nothing_leaves_nothing(tmp_path: Path) -> None:
    succeeded(run("", tmp_path))
    assert not (tmp_path / "spool").exists() or sessions(tmp_path / "spool") == []


def test_without_a_service_the_spool_keeps_it_all_and_the_next_program_delivers(
    tmp_path: Path,
) -> None:
    succeeded(run("for name in 'abc': record(name)", tmp_path))
    ((session, found),) = check_spool(tmp_path / "spool").items()
    assert found.types[-1] == "session.close"
    assert found.sealed == 5
    with running_sink() as sink:
        wait = """
        while tallystick.status().recovered_sessions == 0:
            time.sleep(0.02)
        """
        succeeded(run(wait, tmp_path, sink.url))
        delivered = [one for one in sink.records() if one.session == session]
        assert names(delivered) == ["session.open", "a", "b", "c", "session.close"]
        assert "session.recovered" not in names(sink.records())


ENDINGS = {
    "killed": "os.kill(os.getpid(), signal.SIGKILL)",
    "terminated": "os.kill(os.getpid(), signal.SIGTERM)",
    "left without goodbye": "os._exit(3)",
    "crashed": "os.abort()",
}


@requirement("spool.survives-kill")
@pytest.mark.parametrize("how", ENDINGS)
def test_however_a_program_ends_its_last_record_is_in_the_spool(tmp_path: Path, how: str) -> None:
    source = f"for name in 'abc': record(name)\n{ENDINGS[how]}"
    assert run(source, tmp_path).returncode != 0
    (found,) = check_spool(tmp_path / "spool").values()
    assert found.names == ["session.open", "a", "b", "c"]


def test_a_program_that_leaves_by_a_signal_handler_says_goodbye(tmp_path: Path) -> None:
    source = """
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    record("a")
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(30)
    """
    succeeded(run(source, tmp_path))
    (found,) = check_spool(tmp_path / "spool").values()
    assert found.names == ["session.open", "a", "session.close"]
    assert found.sealed == 3


@pytest.mark.parametrize("delay_s", [0.001, 0.0101, 0.0502, 0.1003])
def test_a_handler_may_shut_down_in_the_middle_of_anything(tmp_path: Path, delay_s: float) -> None:
    source = f"""
    def stop(*_):
        tallystick.shutdown(0.1)
        say(number)
        os._exit(0)
    signal.signal(signal.SIGALRM, stop)
    number = 0
    while True:
        record(f"t{{number}}")
        number += 1
        if number == 1:
            signal.setitimer(signal.ITIMER_REAL, {delay_s})
    """
    (said,) = succeeded(run(source, tmp_path))
    (found,) = check_spool(tmp_path / "spool").values()
    calls = [name for name in found.names if name.startswith("t")]
    assert calls[: int(said)] == [f"t{number}" for number in range(int(said))]


@requirement("spool.survives-kill")
@pytest.mark.parametrize("seed", range(8))
def test_killed_at_a_random_moment_nothing_acknowledged_is_missing_and_all_of_it_arrives(
    tmp_path: Path, seed: int
) -> None:
    chance = random.Random(seed)
    with running(STEADY, tmp_path) as program:
        said = lines_until(program, chance.randrange(1, 400))
        program.send_signal(signal.SIGKILL)
        program.wait()
        said += rest_of(program)
    acknowledged = {
        (session, int(seq)): bytes.fromhex(leaf)
        for session, seq, leaf in (line.split() for line in said if line.count(" ") == 2)
        if len(leaf) == 64
    }
    (found,) = check_spool(tmp_path / "spool").values()
    spooled = {(one.session, one.seq): one.leaf_hash for one in found.records}
    assert acknowledged.items() <= spooled.items()
    with running_sink() as sink:
        source = """
        deadline = time.monotonic() + 120
        while tallystick.status().recovered_sessions == 0 and time.monotonic() < deadline:
            time.sleep(0.02)
        """
        succeeded(run(source, tmp_path, sink.url))
        arrived = {(one.session, one.seq): one.leaf_hash for one in sink.records()}
        assert spooled.items() <= arrived.items()
        assert spooled.items() <= covered(sink).items()
        stated = [n for n in names(sink.records()) if n == "session.recovered"]
        # hundreds of leaves where the sealing thread got no turn
        unsealed = len(found.records) - found.sealed
        assert len(stated) == math.ceil(unsealed / MAX_LEAVES)
    assert sessions(tmp_path / "spool") == []


def test_an_unsealed_tail_arrives_before_the_record_that_adopts_it(tmp_path: Path) -> None:
    source = "for name in 'abc': record(name)\nos.kill(os.getpid(), signal.SIGKILL)"
    run(source, tmp_path, linger_ms=1000)
    with running_sink() as sink:
        wait = """
        while tallystick.status().recovered_sessions == 0:
            time.sleep(0.02)
        """
        succeeded(run(wait, tmp_path, sink.url))
        arrived = names(sink.records())
    assert arrived.index("a") < arrived.index("c") < arrived.index("session.recovered")


@requirement("sdk.every-call-recorded")
def test_a_forked_child_has_a_session_of_its_own_and_leaves_its_parent_alone(
    tmp_path: Path,
) -> None:
    source = """
    record("parent before")
    before = tallystick.status().session
    child = os.fork()
    if child == 0:
        record("child one")
        record("child two", required=True)
        say("child", tallystick.status().session, tallystick.status().session != before)
        sys.exit(0)
    os.waitpid(child, 0)
    record("parent after")
    say("parent", tallystick.status().session == before)
    """
    said = succeeded(run(source, tmp_path))
    assert sorted(line.split()[0] for line in said) == ["child", "parent"]
    assert all(line.endswith("True") for line in said)
    by_name = {found.names[1]: found.names for found in check_spool(tmp_path / "spool").values()}
    assert by_name == {
        "parent before": ["session.open", "parent before", "parent after", "session.close"],
        "child one": ["session.open", "child one", "child two", "session.close"],
    }


def test_a_child_that_records_nothing_opens_no_session(tmp_path: Path) -> None:
    source = """
    record("parent")
    child = os.fork()
    if child == 0:
        sys.exit(0)
    os.waitpid(child, 0)
    """
    succeeded(run(source, tmp_path))
    assert len(check_spool(tmp_path / "spool")) == 1


def test_recording_imports_nothing_that_a_fork_could_be_caught_in(tmp_path: Path) -> None:
    source = """
    before = set(sys.modules)
    record("a", params={"mail": "bob@example.com"}, result=["x"])
    record("b", required=True)
    say(*sorted(set(sys.modules) - before), "done")
    """
    assert succeeded(run(source, tmp_path)) == ["done"]


def test_children_forked_while_other_threads_record_never_hang(tmp_path: Path) -> None:
    source = """
    done = threading.Event()
    def work():
        while not done.is_set():
            record("thread")
    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads: thread.start()
    for number in range(8):
        child = os.fork()
        if child == 0:
            record(f"child{number}")
            os._exit(0)
        assert os.waitpid(child, 0)[1] == 0
    done.set()
    for thread in threads: thread.join()
    """
    succeeded(run(source, tmp_path))
    found = check_spool(tmp_path / "spool").values()
    children = sorted(one.names[1] for one in found if one.names[1] != "thread")
    assert children == [f"child{number}" for number in range(8)]


def test_a_child_does_not_keep_its_dead_parent_s_session_from_being_adopted(
    tmp_path: Path,
) -> None:
    source = """
    record("parent")
    if os.fork() == 0:
        os.close(1); os.close(2)
        time.sleep(20)
        os._exit(0)
    say(tallystick.status().session)
    os.kill(os.getpid(), signal.SIGKILL)
    """
    (session,) = run(source, tmp_path).stdout.splitlines()
    with running_sink() as sink:
        wait = """
        while tallystick.status().recovered_sessions == 0:
            time.sleep(0.02)
        """
        succeeded(run(wait, tmp_path, sink.url))
        assert session in {one.session for one in sink.records()}


def test_a_process_of_multiprocessing_says_goodbye(tmp_path: Path) -> None:
    source = """
    import multiprocessing
    multiprocessing.set_start_method("fork")
    record("parent")
    child = multiprocessing.Process(target=record, args=("child",))
    child.start()
    child.join()
    assert child.exitcode == 0
    """
    succeeded(run(source, tmp_path))
    found = check_spool(tmp_path / "spool").values()
    assert sorted(one.names for one in found) == [
        ["session.open", "child", "session.close"],
        ["session.open", "parent", "session.close"],
    ]


def test_two_programs_share_one_spool(tmp_path: Path) -> None:
    with running(STEADY, tmp_path) as first:
        lines_until(first, 20)
        succeeded(run("record('second')", tmp_path))
        first.send_signal(signal.SIGKILL)
        first.wait()
    found = check_spool(tmp_path / "spool").values()
    assert sorted(one.names[1] for one in found) == ["second", "t0"]


@requirement("sdk.host-never-broken")
def test_a_full_disk_costs_the_program_nothing_and_the_records_arrive_later(tmp_path: Path) -> None:
    source = """
    import resource
    record("a")
    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, hard))
    say(*[record(f"b{number}").is_spooled for number in range(5)])
    try:
        record("pay", required=True)
    except tallystick.RefusedError as error:
        say("refused", "EFBIG" in str(error))
    status = tallystick.status()
    say(status.backlog, "EFBIG" in status.spool_error, status.is_healthy)
    resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
    while tallystick.status().backlog:
        time.sleep(0.02)
    say(record("c").is_spooled, tallystick.status().spool_error, dict(tallystick.status().lost))
    """
    assert succeeded(run(source, tmp_path)) == [
        "False False False False False",
        "refused True",
        "5 True False",
        "True None {}",
    ]
    (found,) = check_spool(tmp_path / "spool").values()
    assert found.names == [
        *["session.open", "a", "b0", "b1", "b2", "b3", "b4", "c", "session.close"]
    ]
    assert found.sealed == 9


@requirement("sdk.host-never-broken")
def test_a_spool_that_cannot_be_made_costs_the_program_nothing(tmp_path: Path) -> None:
    (tmp_path / "spool").write_text("a file in the way")
    source = """
    say(record("a").is_spooled)
    try:
        record("pay", required=True)
    except tallystick.RefusedError:
        say("refused")
    say("\\n".join(tallystick.status().lines()))
    os.unlink(os.environ["TALLYSTICK_HOME"] + "/spool")
    while tallystick.status().backlog:
        time.sleep(0.02)
    """
    said = succeeded(run(source, tmp_path))
    assert said[:2] == ["False", "refused"]
    assert any("EEXIST" in line or "ENOTDIR" in line for line in said)
    assert any(line.startswith("backlog") for line in said)
    (found,) = check_spool(tmp_path / "spool").values()
    assert found.names == ["session.open", "a", "session.close"]


def test_a_home_that_cannot_be_made_costs_the_program_nothing(tmp_path: Path) -> None:
    (tmp_path / "home").write_text("a file in the way")
    source = """
    say(record("a").is_spooled)
    say("\\n".join(tallystick.status().lines()))
    """
    said = succeeded(run(source, tmp_path / "home"))
    assert said[0] == "False"
    assert any("no token key" in line for line in said)


def test_what_could_not_be_written_before_the_end_is_said(tmp_path: Path) -> None:
    (tmp_path / "spool").write_text("a file in the way")
    program = run("for name in 'abc': record(name)", tmp_path)
    assert program.returncode == 0
    assert "3 record(s) could not be written before the end" in program.stderr


def test_a_damaged_identity_key_costs_the_program_nothing_and_is_said(tmp_path: Path) -> None:
    (tmp_path / "emitter.key").write_text("damaged")
    source = """
    say(record("a").is_spooled)
    say(tallystick.status().spool_error)
    """
    said = succeeded(run(source, tmp_path))
    assert said[0] == "False"
    assert "move it away" in said[1]
    assert (tmp_path / "emitter.key").read_text() == "damaged"


def test_recording_can_be_switched_off(tmp_path: Path) -> None:
    source = """
    say(runtime.current())
    say(tallystick.status().session, tallystick.flush(), "disabled" in tallystick.status().shipping)
    tallystick.shutdown()
    """
    assert succeeded(run(source, tmp_path, disabled=1)) == ["None", "None True True"]
    assert list(tmp_path.iterdir()) == []


def test_the_sdk_writes_nothing_to_standard_output_and_error(tmp_path: Path) -> None:
    program = run("record('a')", tmp_path)
    assert (program.stdout, program.stderr) == ("", "")
