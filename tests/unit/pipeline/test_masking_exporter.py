"""The masking exporter: what it passes on, what it withholds, and what it leaves alone."""

import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.sdk.trace import ReadableSpan, SpanLimits, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import Link, SpanContext, StatusCode, TraceFlags

import tallystick
from tallystick import runtime
from tallystick.config import load_config
from tallystick.errors import ConfigError
from tallystick.masking import Masker, default_policy
from tallystick.masking.rulesfile import load_policy
from tallystick.pipeline.masking_exporter import MaskingSpanExporter
from tests.requirements import requirement

MAIL = "zebulon.quirk@canary-mail.example"
MASKER = Masker(default_policy(), b"k" * 32, "test")
RULES = """
[[masking.rule]]
tool = "lookup"
field = "params"
path = "$.ward"
mode = "withhold"

[[masking.rule]]
tool = "lookup"
field = "error.message"
path = "$"
mode = "withhold"
"""


class Told(SpanExporter):
    """Notes what it is told, and answers as a test wants."""

    def __init__(self, result: SpanExportResult = SpanExportResult.SUCCESS) -> None:
        self.result = result
        self.spans: list[ReadableSpan] = []
        self.calls: list[Any] = []

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        self.spans += spans
        return self.result

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        self.calls.append(timeout_millis)
        return False

    def shutdown(self) -> None:
        self.calls.append("shutdown")


class Hostile(ReadableSpan):
    """A span whose events cannot be read."""

    @property
    def events(self) -> Sequence[Any]:
        raise RuntimeError(MAIL)


def ended(attributes: Any = None, limits: SpanLimits | None = None, **events: Any) -> ReadableSpan:
    kept = InMemorySpanExporter()
    provider = TracerProvider(span_limits=limits, shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(kept))
    link = Link(SpanContext(1, 2, True, TraceFlags(1)), {"to": MAIL})
    with provider.get_tracer("scope").start_as_current_span("call", links=[link]) as span:
        span.set_attributes(attributes or {})
        for name, said in events.items():
            span.add_event(name, said)
        span.set_status(StatusCode.ERROR, f"no {MAIL}")
    [one] = kept.get_finished_spans()
    return one


def exported(span: ReadableSpan, masker: Masker = MASKER) -> ReadableSpan:
    told = Told()
    assert MaskingSpanExporter(told, masker).export([span]) is SpanExportResult.SUCCESS
    [one] = told.spans
    return one


def ruled(tmp_path: Path) -> Masker:
    path = tmp_path / "tallystick.toml"
    path.write_text(RULES, encoding="utf-8")
    return Masker(load_policy(path), b"k" * 32, "test")


@requirement("mask.own-pipeline")
def test_the_span_of_the_host_is_not_changed() -> None:
    span = ended({"note": MAIL, "list": [MAIL]}, said={"text": MAIL})
    before = span.to_json()
    assert MAIL in before
    assert MAIL not in exported(span).to_json()
    assert span.to_json() == before


def test_what_a_span_dropped_is_still_counted() -> None:
    limits = SpanLimits(
        max_attributes=1, max_events=1, max_event_attributes=1, max_link_attributes=0
    )
    one = exported(ended({"a": 1, "b": 2}, limits, first={"x": 1}, second={"x": 1, "y": 2}))
    assert (one.dropped_attributes, one.dropped_events) == (1, 1)
    assert one.events[0].dropped_attributes == 1
    assert one.links[0].dropped_attributes == 1


def test_times_status_and_kind_stay() -> None:
    span = ended()
    one = exported(span)
    assert (one.start_time, one.end_time, one.kind) == (span.start_time, span.end_time, span.kind)
    assert one.status.status_code is StatusCode.ERROR
    assert one.get_span_context() == span.get_span_context()


@requirement("mask.own-pipeline", "mask.fails-closed")
def test_a_span_that_cannot_be_masked_is_withheld_and_counted_and_the_others_exported(
    caplog: pytest.LogCaptureFixture,
) -> None:
    told = Told()
    exporter = MaskingSpanExporter(told, MASKER)
    bad = Hostile("bad", context=ended().get_span_context())
    assert exporter.export([bad, ended(), bad]) is SpanExportResult.SUCCESS
    assert [one.name for one in told.spans] == ["call"]
    assert exporter.withheld == 2
    assert [one.message for one in caplog.records] == [
        "tallystick: spans are withheld: they could not be masked"
    ]


@requirement("mask.fails-closed")
def test_where_every_span_is_withheld_the_export_has_failed_and_nothing_is_handed_on() -> None:
    told = Told()
    exporter = MaskingSpanExporter(told, MASKER)
    bad = Hostile("bad", context=ended().get_span_context())
    assert exporter.export([bad]) is SpanExportResult.FAILURE
    assert told.spans == []


@requirement("mask.fails-closed")
def test_rules_that_lead_too_deep_withhold_the_span(tmp_path: Path) -> None:
    deep: Any = "x"
    for _ in range(100):
        deep = {"ward": deep} if deep == "x" else {"in": deep}
    path = tmp_path / "tallystick.toml"
    path.write_text('[[masking.rule]]\npath = "$..ward"\nmode = "withhold"\n', encoding="utf-8")
    exporter = MaskingSpanExporter(Told(), Masker(load_policy(path), b"k" * 32, "test"))
    span = ended({"gen_ai.tool.name": "lookup", "input.value": str(deep).replace("'", '"')})
    assert exporter.export([span]) is SpanExportResult.FAILURE
    assert exporter.withheld == 1


@requirement("mask.own-pipeline")
@pytest.mark.parametrize("key", ["gen_ai.tool.call.arguments", "input.value", "tool.parameters"])
def test_rules_for_places_hold_in_the_attributes_that_carry_arguments(
    tmp_path: Path, key: str
) -> None:
    span = ended({"gen_ai.tool.name": "lookup", key: '{"ward": "psychiatry", "n": 1}'})
    shown = exported(span, ruled(tmp_path)).attributes or {}
    assert shown[key] == '{"ward": "[withheld]", "n": 1}'


def test_rules_for_places_hold_inside_the_wrapper_of_traceloop(tmp_path: Path) -> None:
    said = '{"tool_name": "lookup", "arguments": {"ward": "psychiatry"}}'
    span = ended(
        {
            "traceloop.span.kind": "tool",
            "traceloop.entity.name": "lookup",
            "traceloop.entity.input": said,
        }
    )
    shown = exported(span, ruled(tmp_path)).attributes or {}
    assert "psychiatry" not in str(shown)
    assert '"tool_name": "lookup"' in str(shown["traceloop.entity.input"])


def test_rules_for_places_hold_in_events_and_in_errors(tmp_path: Path) -> None:
    events: dict[str, Any] = {
        "gen_ai.tool.message": {"content": '{"ward": "psychiatry"}'},
        "exception": {"exception.message": "no psychiatry", "exception.type": "KeyError"},
    }
    span = ended({"gen_ai.tool.name": "lookup"}, **events)
    one = exported(span, ruled(tmp_path))
    assert "psychiatry" not in one.to_json()
    assert one.status.description == "[withheld]"
    assert (one.events[1].attributes or {})["exception.type"] == "KeyError"


def test_rules_for_one_tool_leave_another_alone(tmp_path: Path) -> None:
    span = ended({"gen_ai.tool.name": "other", "input.value": '{"ward": "psychiatry"}'})
    assert "psychiatry" in exported(span, ruled(tmp_path)).to_json()


@pytest.mark.parametrize("result", list(SpanExportResult))
def test_the_result_is_that_of_the_wrapped_exporter(result: SpanExportResult) -> None:
    assert MaskingSpanExporter(Told(result), MASKER).export([ended()]) is result


def test_flush_and_shutdown_pass_through() -> None:
    told = Told()
    exporter = MaskingSpanExporter(told, MASKER)
    assert exporter.force_flush(17) is False
    exporter.shutdown()
    assert told.calls == [17, "shutdown"]


def test_an_empty_batch_is_handed_on() -> None:
    assert MaskingSpanExporter(Told(), MASKER).export([]) is SpanExportResult.SUCCESS


def test_many_threads_export_at_once_and_each_span_is_counted_once() -> None:
    told = Told()
    exporter = MaskingSpanExporter(told, MASKER)
    bad = Hostile("bad", context=ended().get_span_context())
    span = ended({"note": MAIL})
    threads = [threading.Thread(target=exporter.export, args=([bad, span],)) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert exporter.withheld == 20
    assert len(told.spans) == 20
    assert all(MAIL not in one.to_json() for one in told.spans)


@requirement("mask.own-pipeline")
def test_the_masking_in_force_is_that_of_the_running_process(tmp_path: Path) -> None:
    told = Told()
    rules = tmp_path / "rules.toml"
    rules.write_text(RULES, encoding="utf-8")
    running = runtime.start(load_config({}, home=tmp_path / "home", rules=rules))
    try:
        exporter = MaskingSpanExporter(told)
        span = ended({"gen_ai.tool.name": "lookup", "input.value": '{"ward": "x"}', "u": MAIL})
        exporter.export([span])
        token = running.masking.masker.mask_text(MAIL).value
    finally:
        running.shutdown()
    exporter.export([span])
    for one in told.spans:
        assert "withheld" in str((one.attributes or {})["input.value"])
        assert (one.attributes or {})["u"] == token


def test_without_a_recording_the_rules_of_the_home_count(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TALLYSTICK_HOME", str(tmp_path))
    (tmp_path / "tallystick.toml").write_text(RULES, encoding="utf-8")
    told = Told()
    exporter = tallystick.MaskingSpanExporter(told)
    exporter.export([ended({"tool.name": "lookup", "input.value": '{"ward": "x"}'})])
    assert "withheld" in str((told.spans[0].attributes or {})["input.value"])


def test_rules_that_do_not_fit_are_said_when_the_exporter_is_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TALLYSTICK_HOME", str(tmp_path))
    (tmp_path / "tallystick.toml").write_text("[[masking.rule]]\nmode = 1\n", encoding="utf-8")
    with pytest.raises(ConfigError):
        MaskingSpanExporter(Told())
