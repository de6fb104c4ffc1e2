"""Client and server of a call in processes of their own: what each states, and what is said of the two."""

import json
import os
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tallystick.capture.receipt import META_KEY
from tallystick.event import Record
from tallystick.tlog.encoding import to_base64
from tallystick_ingest.stages import calls_of
from tests.patience import PATIENCE_S
from tests.ports import free_port
from tests.recorded import Recording, disclosed
from tests.requirements import requirement
from tests.serving import Service

HERE = Path(__file__).parent
ROOT = HERE.parents[2]
PYTHONS = {"mcp2": Path(sys.executable), "mcp1": ROOT / ".venv-mcp1" / "bin" / "python"}
CALLS = 11
"""Calls of tools that two_ends.py makes: three, and eight at once."""
CANARIES = ("ada@example.com", "bob@example.com", "planner-of-ada")
RECEIPT_FIELDS = ("receipt.digest", "receipt.record")

pytestmark = pytest.mark.e2e


@dataclass(frozen=True)
class Ends:
    """What both processes recorded, and what went over the wire to the server."""

    client: Recording
    server: Recording
    wire: list[dict[str, Any]]

    @property
    def states(self) -> Counter[str]:
        """How the calls of tools are joined, as the service would say it."""
        joins = (call["join"] for call in self.calls())
        return Counter(one["state"] for one in joins if one is not None)

    def calls(self) -> list[dict[str, Any]]:
        records = [*self.client, *self.server]
        events = [shape(index, record) for index, record in enumerate(records)]
        return calls_of([one for one in events if one["action_id"]], [])

    def receipts(self) -> list[Mapping[str, str]]:
        """The receipts on the wire, in order."""
        metas = (message["params"].get("_meta", {}) for message in self.sent("tools/call"))
        return [meta[META_KEY] for meta in metas if META_KEY in meta]

    def sent(self, method: str) -> list[dict[str, Any]]:
        return [message for message in self.wire if message.get("method") == method]


def shape(index: int, record: Record) -> dict[str, Any]:
    """An event as the API gives it."""
    said = record.statement
    return {
        "log_index": index,
        "leaf_hash": to_base64(record.leaf_hash),
        "type": said["type"],
        "time_us": said["time_us"],
        "origin": said["origin"],
        "action_id": said.get("action.id"),
        "span_id": said.get("span.id"),
        "statement": said,
        "disclosures": disclosed(record),
        "faults": [],
    }


def run(home: Path, client: str, *arguments: str, **environ: str) -> Ends:
    """Run the client program to its end."""
    wire = home / "wire"
    env = {
        "PATH": os.environ["PATH"],
        "TALLYSTICK_HOME": str(home / "client"),
        "TALLYSTICK_RECEIPTS": "true",
        "TWO_ENDS_SERVER": str(home / "server"),
        "TWO_ENDS_TALLYSTICK": sys.executable,
        "TWO_ENDS_WIRE": str(wire),
        **environ,
    }
    command = [str(PYTHONS[client]), "-W", "ignore", str(HERE / "two_ends.py"), *arguments]
    done = subprocess.run(command, env=env, capture_output=True, timeout=PATIENCE_S, check=False)
    assert done.returncode == 0, done.stderr.decode()
    lines = wire.read_text(encoding="utf-8").splitlines() if wire.exists() else []
    return Ends(
        Recording(home / "client"), Recording(home / "server"), [json.loads(one) for one in lines]
    )


def over_stdio(home: Path, client: str, server: str, fault: str, **environ: str) -> Ends:
    return run(home, client, "stdio", str(PYTHONS[server]), fault, **environ)


def check_agreed(ends: Ends) -> None:
    """Every call of a tool is stated by both ends, and each server's record names its client's."""
    assert ends.states == {"agreed": CALLS}
    started = {to_base64(one.leaf_hash): one for one in ends.client.where(type="tool.started")}
    assert len(started) == CALLS
    for end in ends.server.where(type="tool.completed"):
        client, server = started[end.statement["receipt.record"]].statement, end.statement
        assert client["receipt.digest"] == server["receipt.digest"]
        assert client["tool.name"] == server["tool.name"]
        assert client["trace.id"] == server["trace.id"]
    for recording in (ends.client, ends.server):
        assert recording.holes() == []
        assert recording.lost() == 0


@requirement("receipt.agreed")
@pytest.mark.parametrize("server", sorted(PYTHONS))
@pytest.mark.parametrize("client", sorted(PYTHONS))
def test_over_stdio_both_ends_agree_on_every_call(client: str, server: str, tmp_path: Path) -> None:
    ends = over_stdio(tmp_path, client, server, "honest")
    check_agreed(ends)
    check_secrets(ends)


def check_secrets(ends: Ends) -> None:
    """Nonces differ, none is recorded, and no `_meta` that left the client names a person."""
    nonces = [one["nonce"] for one in ends.receipts()]
    assert len(set(nonces)) == len(nonces) == CALLS
    written = "".join(record.body for record in (*ends.client, *ends.server))
    assert not [nonce for nonce in nonces if nonce in written]
    metas = [message.get("params", {}).get("_meta", {}) for message in ends.wire]
    assert any("traceparent" in meta for meta in metas)
    assert not [meta for meta in metas if "baggage" in meta]
    assert not [name for name in CANARIES if name in json.dumps(metas)]


@requirement("sdk.no-baggage")
@pytest.mark.parametrize("client", sorted(PYTHONS))
def test_nothing_that_names_a_person_goes_into_baggage_or_meta(client: str, tmp_path: Path) -> None:
    ends = over_stdio(tmp_path, client, "mcp2", "honest", TALLYSTICK_RECEIPTS="false")
    metas = [message.get("params", {}).get("_meta", {}) for message in ends.wire]
    assert len([meta for meta in metas if "traceparent" in meta]) >= CALLS
    assert not [meta for meta in metas if "baggage" in meta or META_KEY in meta]
    assert not [name for name in CANARIES if name in json.dumps(metas)]
    assert any(
        name in json.dumps(ends.wire) for name in CANARIES
    )  # in arguments, as the host sent them
    assert ends.states == {"by_id": CALLS}
    for recording in (ends.client, ends.server):
        assert not [one for one in recording if set(RECEIPT_FIELDS) & one.statement.keys()]


@contextmanager
def served(python: Path, home: Path) -> Iterator[str]:
    """A recorded server over HTTP in a process of its own; its URL."""
    port = free_port()
    run_ = [sys.executable, "-m", "tallystick.cli", "run", "--", str(python), "-W", "ignore"]
    env = {"PATH": os.environ["PATH"], "TALLYSTICK_HOME": str(home)}
    server = subprocess.Popen([*run_, str(HERE / "desk.py"), "serve", str(port)], env=env)
    try:
        while True:
            assert server.poll() is None
            with socket.socket() as probe:
                probe.settimeout(1)
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.05)
        yield f"http://127.0.0.1:{port}/mcp"
    finally:
        server.terminate()
        server.wait(PATIENCE_S)


@requirement("receipt.agreed")
@pytest.mark.parametrize(("client", "server"), [("mcp1", "mcp2"), ("mcp2", "mcp1")])
def test_over_streamable_http_both_ends_agree_on_every_call(
    client: str, server: str, tmp_path: Path
) -> None:
    with served(PYTHONS[server], tmp_path / "server") as url:
        run(tmp_path, client, "http", url)
    check_agreed(Ends(Recording(tmp_path / "client"), Recording(tmp_path / "server"), []))


@requirement("receipt.told")
@pytest.mark.parametrize(
    ("client", "server", "fault", "expected"),
    [
        ("mcp1", "mcp2", "strip", {"by_id": CALLS}),
        ("mcp1", "mcp2", "change", {"differs": CALLS}),
        ("mcp2", "mcp1", "change", {"differs": CALLS}),
        ("mcp2", "mcp1", "forge", {"differs": CALLS}),
        ("mcp1", "mcp1", "rename", {"by_id": CALLS}),
        ("mcp2", "mcp2", "replay", {"agreed": CALLS, "reused": CALLS}),
    ],
)
def test_what_a_proxy_does_to_calls_is_told(
    client: str, server: str, fault: str, expected: dict[str, int], tmp_path: Path
) -> None:
    ends = over_stdio(tmp_path, client, server, fault)
    assert ends.states == expected
    assert ends.client.lost() == ends.server.lost() == 0


@requirement("receipt.hostile-meta")
@pytest.mark.parametrize(("server", "fault"), [("mcp1", "mistype"), ("mcp2", "garble")])
def test_a_receipt_of_another_form_changes_neither_the_call_nor_its_record(
    server: str, fault: str, tmp_path: Path
) -> None:
    ends = over_stdio(tmp_path, "mcp2", server, fault)
    assert ends.states == {"by_id": CALLS}
    done = ends.server.where(type="tool.completed")
    assert len(done) == CALLS
    assert [one.statement["outcome"] for one in done].count("success") == CALLS - 1
    assert not [one for one in ends.server if set(RECEIPT_FIELDS) & one.statement.keys()]
    assert max(len(one.body) for one in ends.server) < 20_000


def deliver_the_rest(home: Path, endpoint: Mapping[str, str]) -> None:
    """Ship what a server left: mcp's client kills one that takes longer than 2 s to end."""
    program = "import tallystick as t; t.instrument(); t.flush(200); t.shutdown()"
    env = {"PATH": os.environ["PATH"], "TALLYSTICK_HOME": str(home), **endpoint}
    end = time.monotonic() + PATIENCE_S
    while list((home / "spool").glob("*.spool")) and time.monotonic() < end:
        subprocess.run([sys.executable, "-c", program], env=env, timeout=PATIENCE_S, check=True)


@requirement("receipt.told", "receipt.verified")
@pytest.mark.parametrize(
    ("fault", "state", "told"),
    [
        ("honest", "agreed", "two ends   both ends agree: "),
        ("change", "differs", "two ends   arguments differ: "),
    ],
)
def test_the_service_tells_and_verifies_both_ends(
    fault: str, state: str, told: str, tmp_path: Path, make_service: Callable[..., Service]
) -> None:
    service = make_service().start()
    endpoint = {
        "TALLYSTICK_ENDPOINT": f"http://127.0.0.1:{service.port}",
        "TALLYSTICK_API_KEY": service.credentials["api_key"],
        "TALLYSTICK_EXIT_FLUSH_MS": "60000",
    }
    over_stdio(tmp_path, "mcp2", "mcp1", fault, **endpoint)
    deliver_the_rest(tmp_path / "server", endpoint)
    ended = service.statements("tool.completed")
    assert len(ended) == 2 * CALLS
    [trace] = {one["trace.id"] for one in ended}
    calls = service.get(f"/api/v1/traces/{trace}")["calls"]
    assert [call["join"]["state"] for call in calls] == [state] * CALLS
    lines = service.tallystick("trace", trace).stdout
    assert lines.count(told) == CALLS
    assert lines.count("ARGUMENTS DIFFER") == (CALLS if state == "differs" else 0)
    checked = service.tallystick("verify", "--url", endpoint["TALLYSTICK_ENDPOINT"], "--json")
    verified = json.loads(checked.stdout)
    [step] = [one for one in verified["steps"] if one["name"] == "receipts"]
    assert step["checked"] == {"receipts of servers": CALLS}
    assert step["totals"]["fault"] == 0
    assert step["totals"]["notice"] == (CALLS if state == "differs" else 0)
