"""Real processes that are killed while their spool takes nothing: the next one says exactly what was lost."""

import os
import signal
from pathlib import Path

import pytest

from tallystick.spool.tally import WAITED
from tallystick.testing import running_sink
from tests.emitters import check_spool
from tests.integration.sdk.programs import lines_until, run, running
from tests.patience import PATIENCE_S
from tests.requirements import requirement

LIMITED = """
import resource
from tallystick.recording import recorder
recorder.BACKLOG_RECORDS = 4
record("before")
_, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
resource.setrlimit(resource.RLIMIT_FSIZE, (4096, hard))  # a kernel's refusal, as of a full disk
for number in range(7):
    record(f"big{number}", params={"text": "word " * 2000})
say(tallystick.status().backlog, dict(tallystick.status().lost))
"""


DELIVER = """
record("after")
assert tallystick.flush(200)
while tallystick.status().recovered_sessions < {dead}:
    time.sleep(0.02)
"""


@requirement("spool.full-is-counted")
@pytest.mark.parametrize("end", ["time.sleep(600)", "os._exit(3)"])
def test_what_a_killed_process_held_in_memory_or_dropped_is_stated_by_the_next(
    tmp_path: Path, end: str
) -> None:
    with running(LIMITED + end, tmp_path) as program:
        (said,) = lines_until(program, 1)
        assert said.startswith("4 {"), said
        if end.startswith("time"):
            program.send_signal(signal.SIGKILL)
        program.wait(PATIENCE_S)
    with running_sink() as sink:
        source = """
        record("after")
        assert tallystick.flush(200)
        """
        for _ in range(2):  # and the one after that has nothing to add
            finished = run(source, tmp_path, sink.url)
            assert finished.returncode == 0, finished.stderr
        records = sink.records()
    (dead,) = {one.session for one in records if one.statement.get("tool.name") == "before"}
    drops = [one.statement for one in records if one.statement["type"] == "log.drop"]
    assert {one["drop.session"] for one in drops} == {dead}
    counted = {one["drop.reason"]: one["drop.count"] for one in drops}
    assert len(drops) == len(counted)
    assert counted.pop(WAITED) == 4
    assert list(counted.values()) == [3]
    assert not [one for one in records if str(one.statement.get("tool.name")).startswith("big")]


@requirement("spool.full-is-counted")
def test_what_waited_and_found_room_is_no_loss(tmp_path: Path) -> None:
    source = (
        LIMITED
        + """
resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
while tallystick.status().backlog or runtime.current().recorder.has_unreported:
    time.sleep(0.02)
say("written")
os._exit(3)
"""
    )
    assert run(source, tmp_path).stdout.splitlines()[-1] == "written"
    with running_sink() as sink:
        finished = run(DELIVER.format(dead=1), tmp_path, sink.url)
        assert finished.returncode == 0, finished.stderr
        records = sink.records()
    names = [str(one.statement.get("tool.name")) for one in records]
    assert sorted(name for name in names if name.startswith("big")) == [
        f"big{number}" for number in range(4)
    ]
    drops = [one.statement for one in records if one.statement["type"] == "log.drop"]
    assert [(one["drop.count"], "drop.session" in one) for one in drops] == [(3, False)]


PREFORK = """
def work(name):
    for number in range(20):
        record(f"{name}-{number}")

def fork(name):
    child = os.fork()
    if child == 0:
        work(name)
        say("done", name)
        signal.pause()
    return child

record("master")
threads = [threading.Thread(target=work, args=(f"thread{number}",)) for number in range(3)]
for thread in threads:
    thread.start()
workers = [fork(f"worker{number}") for number in range(3)]
for thread in threads:
    thread.join()
say("forked", *workers)
signal.pause()
"""


@requirement("spool.survives-kill")
def test_workers_forked_beside_running_threads_lose_nothing_when_all_are_killed(
    tmp_path: Path,
) -> None:
    with running(PREFORK, tmp_path) as master:
        said = lines_until(master, 4)
        (forked,) = [line.split()[1:] for line in said if line.startswith("forked")]
        for worker in map(int, forked):
            os.kill(worker, signal.SIGKILL)
        master.send_signal(signal.SIGKILL)
        master.wait(PATIENCE_S)
    with running_sink() as sink:
        finished = run(DELIVER.format(dead=4), tmp_path, sink.url)
        assert finished.returncode == 0, finished.stderr
        names = [str(one.statement.get("tool.name")) for one in sink.records()]
    who = [f"worker{number}" for number in range(3)] + [f"thread{number}" for number in range(3)]
    expected = {f"{one}-{number}" for one in who for number in range(20)}
    assert expected <= set(names)
    assert len([name for name in names if name in expected]) == len(expected)


@pytest.mark.parametrize("method", ["spawn", "forkserver"])
def test_processes_that_multiprocessing_starts_afresh_record_into_sessions_of_their_own(
    tmp_path: Path, method: str
) -> None:
    program = tmp_path / "program.py"
    program.write_text(
        f"""
import multiprocessing
import tallystick

def work(name):
    tallystick.instrument(frameworks=())
    tallystick.record("config.changed", note=name)

if __name__ == "__main__":
    multiprocessing.set_start_method({method!r})
    work("parent")
    children = [multiprocessing.Process(target=work, args=("child",)) for _ in range(2)]
    for child in children:
        child.start()
    for child in children:
        child.join()
        assert child.exitcode == 0
""",
        encoding="utf-8",
    )
    source = f"import runpy; runpy.run_path({str(program)!r}, run_name='__main__')"
    home = tmp_path / "home"
    home.mkdir()
    finished = run(source, home)
    assert finished.returncode == 0, finished.stderr
    found = check_spool(home / "spool").values()
    assert (
        sorted(one.types for one in found)
        == [["session.open", "config.changed", "session.close"]] * 3
    )
