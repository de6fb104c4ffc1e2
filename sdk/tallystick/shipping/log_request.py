"""An ExportLogsServiceRequest of our records: each frame's payload as a body, with unsigned hints beside it."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import orjson

from tallystick.event import EVENT_NAME, SEAL_NAME
from tallystick.spool.frame import EVENT, Frame

SCOPE: Final = "tallystick"


def export_request(*parts: tuple[str, Sequence[Frame]]) -> bytes:
    """Return frames, each run of them with its session, as an ExportLogsServiceRequest, in their order."""
    from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import (  # noqa: PLC0415 - slow to import
        ExportLogsServiceRequest,
    )

    request = ExportLogsServiceRequest()
    scope_logs = request.resource_logs.add().scope_logs.add()
    scope_logs.scope.name = SCOPE
    for session, frame in ((session, frame) for session, frames in parts for frame in frames):
        record = scope_logs.log_records.add()
        record.body.string_value = frame.payload.decode()
        hint = record.attributes.add()
        hint.key, hint.value.string_value = "tallystick.session", session
        if frame.kind != EVENT:
            record.event_name = SEAL_NAME
            continue
        record.event_name = EVENT_NAME
        statement = statement_of(frame)
        record.time_unix_nano = statement["time_us"] * 1000
        record.trace_id = bytes.fromhex(statement.get("trace.id", ""))
        record.span_id = bytes.fromhex(statement.get("span.id", ""))
        seq = record.attributes.add()
        seq.key, seq.value.int_value = "tallystick.seq", statement["seq"]
    content: bytes = request.SerializeToString()
    return content


def statement_of(frame: Frame) -> Mapping[str, Any]:
    """Return what line 1 of an event frame says; the frame's CRC vouches for its being ours."""
    found: dict[str, Any] = orjson.loads(frame.payload.partition(b"\n")[0])
    return found
