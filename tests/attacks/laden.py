"""OTLP requests of somebody else with a text in every field that can hold one, by the descriptors."""

import base64
import json
import secrets
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.json_format import MessageToDict
from google.protobuf.message import Message
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

DEPTH: Final = 2
"""How often a message may stand inside one of its own kind: values in arrays in values."""
IDS: Final = ("traceId", "spanId", "parentSpanId")
TEXTUAL: Final = (FieldDescriptor.TYPE_STRING, FieldDescriptor.TYPE_BYTES)
START_NS: Final = 1_760_000_000_000_000_000

Path = tuple[FieldDescriptor, ...]


@dataclass(frozen=True, slots=True)
class Laden:
    """A request with one span and one text, in the field that `path` names."""

    path: str
    trace_id: str
    request: ExportTraceServiceRequest


def leaves(descriptor: Descriptor, types: Sequence[int] | None = TEXTUAL) -> Iterator[Path]:
    """Give the way to every field of these types (None: to every scalar), through all messages."""
    return _leaves(descriptor, types, ())


def name_of(path: Path) -> str:
    """Name a field by the way to it."""
    return ".".join(field.name for field in path)


def laden_spans(text: str) -> list[Laden]:
    """Give one request for each field."""
    return [_laden(path, text) for path in leaves(ExportTraceServiceRequest.DESCRIPTOR)]


def joined(spans: Sequence[Laden]) -> ExportTraceServiceRequest:
    """Put several requests into one."""
    whole = ExportTraceServiceRequest()
    for one in spans:
        whole.MergeFrom(one.request)
    return whole


def as_json(request: Message) -> bytes:
    """Print a request as OTLP/HTTP does: with ids in hex."""
    return json.dumps(_with_hex_ids(MessageToDict(request))).encode()


def laden_json(descriptor: Descriptor, text: str) -> Iterator[bytes]:
    """Give requests in JSON with the text in place of each scalar, also of numbers and ids."""
    for path in leaves(descriptor, None):
        value: Any = text
        for field in reversed(path):
            value = {field.json_name: [value] if field.is_repeated else value}
        yield json.dumps(value).encode()


def laden_message(kind: type[Message], path: Path, text: str) -> Message:
    """Give a message with the text in one field and nothing else but keys for values."""
    message = kind()
    _put(message, path, text)
    return message


def _leaves(descriptor: Descriptor, types: Sequence[int] | None, above: Path) -> Iterator[Path]:
    for field in descriptor.fields:
        inner = field.message_type
        if inner is None:
            if types is None or field.type in types:
                yield (*above, field)
        elif [one.message_type for one in above].count(inner) < DEPTH:
            yield from _leaves(inner, types, (*above, field))


def _laden(path: Path, text: str) -> Laden:
    request = ExportTraceServiceRequest()
    trace_id = secrets.token_bytes(16)
    span = (
        request.resource_spans.add()
        .scope_spans.add()
        .spans.add(
            name="lookup",
            trace_id=trace_id,
            span_id=secrets.token_bytes(8),
            start_time_unix_nano=START_NS,
            end_time_unix_nano=START_NS + 1_000_000,
        )
    )
    span.attributes.add(key="gen_ai.operation.name").value.string_value = "execute_tool"
    span.attributes.add(key="gen_ai.tool.name").value.string_value = "lookup"
    _put(request, path, text)
    return Laden(name_of(path), trace_id.hex(), request)


def _put(message: Any, path: Path, text: str) -> None:
    """Set a field, in the first message of each repeated one, in a new one for values and pairs."""
    for field in path[:-1]:
        child = getattr(message, field.name)
        if not field.is_repeated:
            message = child
            continue
        is_pair = _is_pair(field.message_type)
        message = child.add() if is_pair or not child else child[0]
        if is_pair:
            message.key = "note"
    *_, last = path
    value = text.encode() if last.type == FieldDescriptor.TYPE_BYTES else text
    if last.is_repeated:
        getattr(message, last.name).append(value)
    else:
        setattr(message, last.name, value)
    if _is_pair(last.containing_type):
        message.value.string_value = "ok"


def _is_pair(kind: Descriptor | None) -> bool:
    return kind is not None and kind.name == "KeyValue"


def _with_hex_ids(value: Any) -> Any:
    if isinstance(value, list):
        return [_with_hex_ids(one) for one in value]
    if not isinstance(value, dict):
        return value
    return {
        name: base64.b64decode(one).hex() if name in IDS else _with_hex_ids(one)
        for name, one in value.items()
    }
