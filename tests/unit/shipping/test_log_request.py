"""The request holds each frame as it stands, in order, with hints that are read from its statement."""

from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest

from tallystick.event import EVENT_NAME, SEAL_NAME
from tallystick.profile import encode
from tallystick.shipping.log_request import export_request
from tallystick.spool.frame import EVENT, SEAL, Frame

SESSION = "0123456789abcdef" * 2
TRACE = "e2fc7c5f55f6f9b7e11adc1d58ded0f5"
SPAN = "7dbe6d5149daf4ad"
LEAST: Mapping[str, Any] = {"seq": 0, "session": SESSION, "time_us": 1, "type": "session.open"}


def by_the_classes(*parts: tuple[str, Sequence[tuple[int, bytes, Mapping[str, Any]]]]) -> bytes:
    request = ExportLogsServiceRequest()
    scope_logs = request.resource_logs.add().scope_logs.add()
    scope_logs.scope.name = "tallystick"
    for session, frames in parts:
        for kind, payload, statement in frames:
            record = scope_logs.log_records.add()
            record.body.string_value = payload.decode()
            hint = record.attributes.add()
            hint.key, hint.value.string_value = "tallystick.session", session
            record.event_name = SEAL_NAME
            if kind == EVENT:
                record.event_name = EVENT_NAME
                record.time_unix_nano = statement["time_us"] * 1000
                record.trace_id = bytes.fromhex(statement.get("trace.id", ""))
                record.span_id = bytes.fromhex(statement.get("span.id", ""))
                seq = record.attributes.add()
                seq.key, seq.value.int_value = "tallystick.seq", statement["seq"]
    content: bytes = request.SerializeToString()
    return content


def printed(statement: Mapping[str, Any], disclosures: str = "") -> bytes:
    line = encode(dict(statement))
    return b"\n".join([line, *([disclosures.encode()] if disclosures else [])])


@given(
    statements=st.lists(
        st.fixed_dictionaries(
            {
                "seq": st.integers(0, 2**53 - 1),
                "session": st.just(SESSION),
                "time_us": st.integers(1, 2**53),
                "type": st.text(max_size=20),
                "agent.name": st.text(max_size=200),
            },
            optional={
                "trace.id": st.binary(min_size=16, max_size=16).map(bytes.hex),
                "span.id": st.binary(min_size=8, max_size=8).map(bytes.hex),
                "instrumentation": st.dictionaries(
                    st.sampled_from(["seq", "time_us", "mcp"]), st.just("9")
                ),
                "sd": st.lists(st.text(max_size=44), max_size=3),
            },
        ),
        max_size=4,
    ),
    disclosure=st.text(
        st.characters(exclude_characters="\n", exclude_categories=["Cs"]), max_size=20_000
    ),
)
def test_it_is_what_the_classes_print(statements: list[dict[str, Any]], disclosure: str) -> None:
    frames = [(EVENT, printed(one, disclosure), one) for one in statements]
    frames.append((SEAL, b"tallystick.seal/v1\n", {}))
    parts = [(SESSION, frames), ("f" * 32, frames[-1:])]
    ours = [(name, [Frame(kind, payload, 0, 0) for kind, payload, _ in one]) for name, one in parts]
    assert export_request(*ours) == by_the_classes(*parts)


@pytest.mark.parametrize(
    "more",
    [
        {"agent.name": '"seq":7,"time_us":8,"trace.id":"' + "0" * 32},
        {"agent.name": "{", "span.id": SPAN, "trace.id": TRACE},
        {"instrumentation": {"seq": "7", "time_us": "8"}},
        {"zone": {"seq": 7, "time_us": 8, "trace.id": "00" * 16}, "trace.id": TRACE},
        {"span.id": SPAN},
    ],
)
def test_a_value_that_looks_like_a_key_is_none(more: Mapping[str, Any]) -> None:
    statement = {**LEAST, **more}
    payload = printed(statement, '["00","params","\\"seq\\":9"]')
    frames = [(EVENT, payload, statement)]
    assert export_request((SESSION, [Frame(EVENT, payload, 0, 0)])) == by_the_classes(
        (SESSION, frames)
    )
