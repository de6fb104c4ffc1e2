"""The audit processor: spans of four conventions become records, and no call becomes two."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.trace import (
    SpanKind,
    StatusCode,
    Tracer,
)

import tallystick
from tallystick import runtime
from tallystick.capture.call import Call, Ending, Sighting, made_current
from tallystick.config import load_config
from tallystick.event import Record
from tallystick.pipeline.audit_processor import AuditSpanProcessor
from tallystick.pipeline.span_call import read_span
from tallystick.tracing import call_spans, conventions
from tests.recorded import Recording, disclosed
from tests.requirements import requirement

MAIL = "zebulon.quirk@canary-mail.example"
TOOL = {"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "lookup"}


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


@pytest.fixture
def tracer(home: Path) -> Iterator[Tracer]:
    provider = provider_at(home)
    yield provider.get_tracer("their.instrumentation", "1")
    running = runtime.current()
    if running is not None:
        running.shutdown()


@pytest.fixture
def recorded(home: Path, tracer: Tracer) -> Callable[[], list[Record]]:
    return lambda: Recording(home).where(observer="span")


def provider_at(home: Path, **settings: object) -> TracerProvider:
    provider = TracerProvider(resource=Resource({"service.name": "shop"}), shutdown_on_exit=False)
    provider.add_span_processor(AuditSpanProcessor(home=home, **settings))
    return provider


CONVENTIONS = {
    "genai": {
        **TOOL,
        "gen_ai.tool.call.id": "call_1",
        "gen_ai.tool.call.arguments": json.dumps({"to": MAIL, "n": 3}),
        "gen_ai.tool.call.result": json.dumps({"ok": True}),
    },
    "mcp": {
        "mcp.method.name": "tools/call",
        "gen_ai.tool.name": "lookup",
        "mcp.request.argument": json.dumps({"to": MAIL, "n": 3}),
        "mcp.response.value": json.dumps({"ok": True}),
    },
    "openinference": {
        "openinference.span.kind": "TOOL",
        "tool.name": "lookup",
        "input.value": json.dumps({"to": MAIL, "n": 3}),
        "output.value": json.dumps({"ok": True}),
    },
    "traceloop": {
        "traceloop.span.kind": "tool",
        "traceloop.entity.name": "lookup",
        "traceloop.entity.input": json.dumps(
            {"tool_name": "lookup", "arguments": {"to": MAIL, "n": 3}}
        ),
        "traceloop.entity.output": json.dumps({"ok": True}),
    },
}


@requirement("sdk.spans-as-records")
@pytest.mark.parametrize("attributes", CONVENTIONS.values(), ids=list(CONVENTIONS))
def test_a_tool_call_of_each_convention_becomes_one_masked_record(
    tracer: Tracer, recorded: Callable[[], list[Record]], attributes: dict[str, str]
) -> None:
    with tracer.start_as_current_span("call", attributes=attributes) as span:
        context = span.get_span_context()
    [record] = recorded()
    said = record.statement
    assert (said["type"], said["tool.name"], said["outcome"]) == (
        "tool.completed",
        "lookup",
        "success",
    )
    assert said["trace.id"] == f"{context.trace_id:032x}"
    assert said["span.id"] == f"{context.span_id:016x}"
    assert said["action.id"] == conventions.action_id(said["trace.id"], said["span.id"])
    assert said["source.scope"] == "their.instrumentation"
    assert (said["origin"], "signed" in said) == ("native", False)
    assert said["params.size_bytes"] == len(json.dumps({"to": MAIL, "n": 3}, separators=(",", ":")))
    values = disclosed(record)
    assert json.loads(values["result"]) == {"ok": True}
    assert json.loads(values["params"])["n"] == 3
    assert "canary" not in record.body


def test_times_kind_parent_and_server_are_those_of_the_span(
    tracer: Tracer, recorded: Callable[[], list[Record]]
) -> None:
    with tracer.start_as_current_span("turn") as above:
        span = tracer.start_span(
            "call",
            kind=SpanKind.CLIENT,
            start_time=1_796_213_472_000_000_000,
            attributes={**TOOL, "server.address": "crm.example", "network.transport": "tcp"},
        )
        span.end(1_796_213_473_000_000_999)
    said = recorded()[0].statement
    assert said["span.parent_id"] == f"{above.get_span_context().span_id:016x}"
    assert (said["span.kind"], said["server.name"], said["mcp.transport"]) == (
        "client",
        "crm.example",
        "http",
    )
    assert said["span.start_us"] == 1_796_213_472_000_000
    assert said["span.end_us"] == said["time_us"] == 1_796_213_473_000_000


def test_a_failure_says_what_went_wrong(
    tracer: Tracer, recorded: Callable[[], list[Record]]
) -> None:
    with pytest.raises(KeyError), tracer.start_as_current_span("call", attributes=TOOL):
        raise KeyError(MAIL)
    [record] = recorded()
    assert (record.statement["outcome"], record.statement["error.type"]) == ("failure", "KeyError")
    assert "[email" in disclosed(record)["error.message"]


def test_a_status_alone_is_a_failure(tracer: Tracer, recorded: Callable[[], list[Record]]) -> None:
    with tracer.start_as_current_span("call", attributes=TOOL) as span:
        span.set_status(StatusCode.ERROR, "quota")
    [record] = recorded()
    assert (record.statement["outcome"], disclosed(record)["error.message"]) == ("failure", "quota")


@pytest.mark.parametrize(
    ("method", "extra", "type_"),
    [
        ("resources/read", {"mcp.resource.uri": "file:///notes"}, "resource.read"),
        ("prompts/get", {"gen_ai.prompt.name": "greeting"}, "prompt.get"),
    ],
)
def test_resources_and_prompts_are_recorded_too(
    tracer: Tracer,
    recorded: Callable[[], list[Record]],
    method: str,
    extra: dict[str, str],
    type_: str,
) -> None:
    tracer.start_span("call", attributes={"mcp.method.name": method, **extra}).end()
    assert recorded()[0].statement["type"] == type_


@pytest.mark.parametrize(
    "attributes",
    [{}, {"gen_ai.operation.name": "chat"}, {**TOOL, "gen_ai.tool.name": "(merged tools)"}],
)
def test_what_is_no_call_is_not_recorded(
    tracer: Tracer, recorded: Callable[[], list[Record]], attributes: dict[str, str]
) -> None:
    tracer.start_span("other", attributes=attributes).end()
    assert recorded() == []


def test_the_agent_is_the_one_whose_span_is_open_above(
    tracer: Tracer, recorded: Callable[[], list[Record]]
) -> None:
    agent = {"gen_ai.operation.name": "invoke_agent", "gen_ai.agent.name": "clerk"}
    with (
        tracer.start_as_current_span("agent", attributes=agent),
        tracer.start_as_current_span("chat"),
    ):
        tracer.start_span("call", attributes=TOOL).end()
    tracer.start_span("call", attributes=TOOL).end()
    first, second = (record.statement for record in recorded())
    assert (first["agent.name"], first["agent.basis"]) == ("clerk", "asserted")
    assert "agent.name" not in second


def test_what_caller_says_counts_before_the_user_of_the_span(
    tracer: Tracer, recorded: Callable[[], list[Record]]
) -> None:
    spoken = {**TOOL, "user.id": "u-17"}
    tracer.start_span("call", attributes=spoken).end()
    with tallystick.caller("u-42"):
        tracer.start_span("call", attributes=spoken).end()
    first, second = recorded()
    assert (disclosed(first)["principal.id"], disclosed(second)["principal.id"]) == ("u-17", "u-42")
    assert first.statement["principal.basis"] == "asserted"
    assert first.statement["principal.ref"] != second.statement["principal.ref"]


def hooked(running: runtime.Runtime, name: str = "lookup", observer: Any = "agent") -> Call:
    return Call(running, Sighting(observer=observer, target="tool", name=name, params={}))


def running_now() -> runtime.Runtime:
    running = runtime.current()
    assert running is not None
    return running


@requirement("sdk.spans-as-records")
def test_a_span_inside_the_call_of_a_hook_makes_no_second_record(
    tracer: Tracer, recorded: Callable[[], list[Record]], home: Path
) -> None:
    call = hooked(running_now())
    call.open_span()
    with made_current(call), tracer.start_as_current_span("step"):
        tracer.start_span("call", attributes=TOOL).end()
    call.end(Ending("success"))
    assert recorded() == []
    assert len(Recording(home).where(type="tool.completed")) == 1


@requirement("sdk.spans-as-records")
def test_a_span_around_the_call_of_a_hook_makes_no_second_record(
    tracer: Tracer, recorded: Callable[[], list[Record]], home: Path
) -> None:
    with tracer.start_as_current_span("call", attributes=TOOL), tracer.start_as_current_span("s"):
        call = hooked(running_now())
        call.open_span()
        call.end(Ending("success"))
    assert recorded() == []
    assert len(Recording(home).where(type="tool.completed")) == 1


def test_a_tool_inside_a_tool_is_a_call_of_its_own(
    tracer: Tracer, recorded: Callable[[], list[Record]]
) -> None:
    with tracer.start_as_current_span("call", attributes=TOOL):
        call = hooked(running_now(), "another")
        call.open_span()
        with made_current(call):
            tracer.start_span("x", attributes={**TOOL, "gen_ai.tool.name": "third"}).end()
        call.end(Ending("success"))
    assert [record.statement["tool.name"] for record in recorded()] == ["third", "lookup"]


@pytest.mark.parametrize(
    ("observer", "kind", "spans"),
    [
        ("mcp_client", SpanKind.SERVER, 1),
        ("mcp_client", SpanKind.CLIENT, 0),
        ("mcp_server", SpanKind.CLIENT, 1),
        ("mcp_server", SpanKind.SERVER, 0),
        ("agent", SpanKind.SERVER, 1),
        ("function", SpanKind.SERVER, 0),
    ],
)
def test_client_and_server_of_one_call_are_two_sightings(
    tracer: Tracer,
    recorded: Callable[[], list[Record]],
    observer: str,
    kind: SpanKind,
    spans: int,
) -> None:
    call = hooked(running_now(), observer=observer)
    call.open_span()
    with made_current(call):
        tracer.start_span("call", kind=kind, attributes=TOOL).end()
    call.end(Ending("success"))
    assert len(recorded()) == spans


def test_a_span_that_a_hook_has_borrowed_is_passed_over(
    tracer: Tracer, recorded: Callable[[], list[Record]]
) -> None:
    tracer.start_span("call", attributes={**TOOL, "tallystick.action.id": "0" * 32}).end()
    assert recorded() == []


@pytest.mark.parametrize("scope", ["tallystick", "tallystick.spans"])
def test_spans_of_ours_are_passed_over(home: Path, scope: str) -> None:
    provider = provider_at(home)
    provider.get_tracer(scope).start_span("call", attributes=TOOL).end()
    running_now().shutdown()
    assert Recording(home).where(type="tool.completed") == []


class Broken(ReadableSpan):
    """A span whose events cannot be read."""

    @property
    def events(self) -> Any:
        raise RuntimeError("no")


@requirement("sdk.host-never-broken")
def test_a_span_that_cannot_be_read_is_counted_and_breaks_nothing(
    tracer: Tracer, home: Path
) -> None:
    span = tracer.start_span("call")
    broken = Broken("call", context=span.get_span_context(), attributes=TOOL)
    AuditSpanProcessor(home=home).on_end(broken)
    running = running_now()
    assert running.recorder.lost == {"a span could not be recorded": 1}
    running.shutdown()
    assert Recording(home).lost() == 1


def test_after_the_end_of_the_recording_spans_end_as_ever(
    tracer: Tracer, recorded: Callable[[], list[Record]]
) -> None:
    running_now().shutdown()
    tracer.start_span("call", attributes=TOOL).end()
    assert recorded() == []


def test_a_disabled_recording_records_no_span(home: Path) -> None:
    provider = provider_at(home, disabled=True)
    provider.get_tracer("x").start_span("call", attributes=TOOL).end()
    assert runtime.current() is None


def test_the_recording_that_runs_is_used(home: Path, tmp_path: Path) -> None:
    running = runtime.start(load_config({}, home=home))
    provider_at(tmp_path / "other").get_tracer("x").start_span("call", attributes=TOOL).end()
    running.shutdown()
    assert len(Recording(home).where(observer="span")) == 1


def test_flush_and_shutdown_of_a_provider_need_no_service_and_leave_the_recording_on(
    home: Path,
) -> None:
    provider = provider_at(home)
    assert provider.force_flush() is True
    provider.shutdown()
    assert runtime.current() is not None
    running_now().shutdown()
    assert provider.force_flush() is True


def test_a_span_that_never_ends_is_forgotten_in_the_end(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tallystick.pipeline.audit_processor.MOST_OPEN", 2)
    processor = AuditSpanProcessor(home=home)
    provider = TracerProvider(shutdown_on_exit=False)
    tracer = provider.get_tracer("x")
    for _ in range(5):
        processor.on_start(tracer.start_span("open"))  # type: ignore[arg-type]
    assert processor.open_spans == 2
    running_now().shutdown()


def test_calls_below_a_span_that_never_ends_are_forgotten_in_the_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(call_spans, "MOST_SPANS", 2)
    below = call_spans.Below()
    for span_id in (1, 2, 3):
        below.add(span_id, [call_spans.Hooked("tool", "lookup", "agent")])
    assert [len(below.take(span_id)) for span_id in (1, 2, 3)] == [0, 1, 1]


def test_only_so_many_calls_are_remembered_below_one_span() -> None:
    below = call_spans.Below()
    below.add(1, [call_spans.Hooked("tool", "lookup", "agent")] * 100)
    below.add(1, [call_spans.Hooked("tool", "lookup", "agent")] * 100)
    assert len(below.take(1)) == call_spans.MOST_CALLS


def test_a_span_without_a_context_is_no_call() -> None:
    assert read_span(ReadableSpan("call", attributes=TOOL)) is None
