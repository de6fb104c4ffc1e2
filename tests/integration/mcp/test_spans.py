"""Spans beside the records: whose they are, and that they say what the signed records say."""

import gzip
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from tallystick.event import Record
from tests.patience import PATIENCE_S
from tests.recorded import Recording
from tests.requirements import requirement

ROOT = Path(__file__).resolve().parents[3]
NS_PER_US = 1000
TRACED = "tests.integration.mcp.traced"
DESK = Path(__file__).with_name("desk.py")


def start(arguments: list[str], **environ: str) -> str:
    done = subprocess.run(
        [sys.executable, "-W", "ignore", *arguments],
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), **environ},
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def end(recording: Recording, observer: str, tool: str) -> Record:
    [record] = [
        one
        for one in recording.where(observer=observer, tool_name=tool)
        if one.statement["type"] in ("tool.completed", "tool.denied")
    ]
    return record


@pytest.fixture(scope="module")
def traced(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, dict[str, Any]], Recording]:
    home = tmp_path_factory.mktemp("home")
    printed = start(["-m", TRACED], TALLYSTICK_HOME=str(home))
    spans = [json.loads(line) for line in printed.splitlines()]
    return {span["id"]: span for span in spans}, Recording(home)


def test_the_span_that_mcp_opened_for_a_served_call_is_borrowed(
    traced: tuple[dict[str, dict[str, Any]], Recording],
) -> None:
    spans, recording = traced
    for tool, status in (("note", "UNSET"), ("fail", "ERROR")):
        stated = end(recording, "mcp_server", tool).statement
        span = spans[str(stated["span.id"])]
        assert span["scope"] == "mcp-python-sdk"
        assert span["name"] == f"tools/call {tool}"
        assert (span["kind"], span["status"]) == ("SERVER", status)
        assert span["start_ns"] // NS_PER_US == stated["span.start_us"]
        assert span["end_ns"] // NS_PER_US == stated["span.end_us"]
        assert span["parent"] == stated["span.parent_id"]
        assert span["attributes"]["tallystick.action.id"] == stated["action.id"]


def test_no_second_span_is_opened_for_a_served_call(
    traced: tuple[dict[str, dict[str, Any]], Recording],
) -> None:
    served = [s for s in traced[0].values() if s["name"] == "tools/call note"]
    assert sorted(span["kind"] for span in served) == ["CLIENT", "SERVER"]


@requirement("trace.signed-spans")
def test_the_clients_span_is_ours_and_goes_where_the_program_sends_its_own(
    traced: tuple[dict[str, dict[str, Any]], Recording],
) -> None:
    spans, recording = traced
    stated = end(recording, "mcp_client", "fail").statement
    span = spans[str(stated["span.id"])]
    assert span["scope"] == "tallystick"
    assert span["start_ns"] == stated["span.start_us"] * NS_PER_US
    assert span["end_ns"] == stated["span.end_us"] * NS_PER_US
    assert (span["kind"], span["status"]) == ("CLIENT", "ERROR")
    assert span["attributes"]["error.type"] == "tool_error"


def test_no_attribute_of_ours_holds_arguments_or_results(
    traced: tuple[dict[str, dict[str, Any]], Recording],
) -> None:
    ours = [span for span in traced[0].values() if span["scope"] == "tallystick"]
    assert len(ours) == 2
    assert "bob@example.com" not in json.dumps(ours)


class Receiver(ThreadingHTTPServer):
    """Takes spans and refuses everything else."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.keys: set[str | None] = set()
        self.requests: list[ExportTraceServiceRequest] = []

    @property
    def spans(self) -> dict[str, Any]:
        return {
            span.span_id.hex(): span
            for request in self.requests
            for resource in request.resource_spans
            for scope in resource.scope_spans
            for span in scope.spans
        }


class Handler(BaseHTTPRequestHandler):
    server: Receiver

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        is_trace = self.path == "/v1/traces"
        if is_trace:
            raw = gzip.decompress(body) if self.headers["Content-Encoding"] == "gzip" else body
            self.server.keys.add(self.headers["Authorization"])
            self.server.requests.append(ExportTraceServiceRequest.FromString(raw))
        self.send_response(200 if is_trace else 400)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base's name
        """Keep quiet."""


@pytest.fixture(scope="module")
def received(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Receiver, Recording]]:
    home = tmp_path_factory.mktemp("home")
    with Receiver() as receiver:
        thread = threading.Thread(target=receiver.serve_forever, daemon=True)
        thread.start()
        start(
            [str(DESK), "memory"],
            TALLYSTICK_HOME=str(home),
            TALLYSTICK_ENDPOINT=f"http://127.0.0.1:{receiver.server_port}",
            TALLYSTICK_API_KEY="key-of-the-test",
        )
        receiver.shutdown()
        thread.join()
        yield receiver, Recording(home)


@requirement("trace.signed-spans")
def test_every_call_has_a_span_at_the_service_that_says_what_its_record_says(
    received: tuple[Receiver, Recording],
) -> None:
    spans = received[0].spans
    ends = [r.statement for r in received[1] if "outcome" in r.statement]
    assert len(ends) == 22
    for stated in ends:
        span = spans[str(stated["span.id"])]
        assert span.trace_id.hex() == stated["trace.id"]
        assert span.parent_span_id.hex() == stated.get("span.parent_id", "")
        assert span.start_time_unix_nano == stated["span.start_us"] * NS_PER_US
        assert span.end_time_unix_nano == stated["span.end_us"] * NS_PER_US
        assert span.name == name(stated)
        has_failed = stated["outcome"] in ("failure", "denied", "timeout")
        assert (span.status.code == 2) is has_failed


def test_the_agents_run_is_the_root_of_the_trace(received: tuple[Receiver, Recording]) -> None:
    [root] = [span for span in received[0].spans.values() if not span.parent_span_id]
    assert root.name == "invoke_agent planner"


def test_they_come_with_the_key_and_without_personal_data(
    received: tuple[Receiver, Recording],
) -> None:
    assert received[0].keys == {"Bearer key-of-the-test"}
    assert "bob@example.com" not in str(received[0].requests)


def name(stated: dict[str, Any]) -> str:
    called = stated.get("tool.name") or stated.get("prompt.name")
    return f"{stated['mcp.method']} {called}" if called else str(stated["mcp.method"])
