"""How much one OTLP request may hold, counted in its bytes before anything is made of them.

An empty span is two bytes in protobuf and three in JSON, and some hundred bytes in memory, so the size
of a body bounds nothing. The counts do: `require_protobuf` walks the wire format, about 0.3 µs a field, and
stops at the limit; `require_json` counts signs. A body too small to reach a limit is not looked at.
"""

import re
from dataclasses import dataclass
from typing import Any, Final

from google.protobuf.message import Message

from tallystick_ingest.otlp.body import MAX_BODY_BYTES, TooLargeError, UndecodableError

MAX_RECORDS: Final = 65_536
"""Ours: a Collector sends 8,192 in one request, an SDK 512."""
MAX_OBJECTS: Final = 1_000_000
"""Ours: an attribute is two, so 8,192 spans of 60 attributes fit."""
FIELDS_AN_OBJECT: Final = 4
"""Fields on the wire, or signs in JSON, for each object; those of an attribute are four."""

_SMALLEST_BYTES: Final = 2
"""An empty message in protobuf: its tag and its length."""
_MAX_VARINT_BYTES: Final = 10
_MORE: Final = 0x80
_FIRST_TAG: Final = 1 << 3
"""Of field 1: there is none of number 0."""
_VARINT: Final = 0
_BYTES: Final = 2
_FIXED_BYTES: Final = {1: 8, 5: 4}
"""Wire type -> size of the content. Groups (3 and 4) stand in no version of OTLP."""
_RECORD_NAMES: Final = ("Span", "LogRecord")
_RECORD_END: Final = "DataPoint"
_STRING: Final = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"', re.DOTALL)


@dataclass(frozen=True, slots=True)
class Limits:
    """What one request may hold."""

    body_bytes: int = MAX_BODY_BYTES
    records: int = MAX_RECORDS
    """Spans, log records or data points."""
    objects: int = MAX_OBJECTS
    """Messages in protobuf, objects in JSON: records, events, links, attributes and their values."""

    def require_records(self, count: int) -> None:
        """Raise TooLargeError for more records than one request may hold."""
        if count > self.records:
            raise TooLargeError(
                f"the request holds more than {self.records} spans, log records or data points: "
                "send fewer at once"
            )


DEFAULT_LIMITS: Final = Limits()


class Shape(dict[int, "Shape | None"]):
    """Which fields of a message are messages: by tag, None for one of several texts."""

    is_record = False


_LEAF: Final = Shape()
"""Any other field: its content is not walked."""


def shape_of(request: type[Message]) -> Shape:
    """Return the shape of an OTLP request, read from its descriptor."""
    return _shape(request.DESCRIPTOR, {})


def require_protobuf(body: bytes, shape: Shape, limits: Limits) -> None:
    """Raise TooLargeError when `body` holds too much, UndecodableError when it is no protobuf."""
    if len(body) <= _SMALLEST_BYTES * limits.records:
        return
    count = _Count(limits, is_deep=len(body) > _SMALLEST_BYTES * limits.objects)
    try:
        _walk(body, shape, count)
    except IndexError:
        raise _malformed() from None


def require_json(body: bytes, limits: Limits) -> None:
    """Raise TooLargeError when `body` holds too much; what stands in strings does not count."""
    if not _is_light(body, limits) and not _is_light(_STRING.sub(b"", body), limits):
        raise _too_many_objects(limits)


class _Count:
    """What a walk has met so far."""

    def __init__(self, limits: Limits, *, is_deep: bool) -> None:
        self._limits = limits
        self._is_deep = is_deep
        self._fields_left = limits.objects * FIELDS_AN_OBJECT
        self._objects_left = limits.objects
        self._records = 0

    def enters(self, field: Shape | None) -> bool:
        """Count a field; say whether what it holds is to be walked too."""
        self._fields_left -= 1
        if field is not _LEAF:
            self._objects_left -= 1
        if self._fields_left < 0 or self._objects_left < 0:
            raise _too_many_objects(self._limits)
        if field is _LEAF or field is None:
            return False
        if not field.is_record:
            return True
        self._records += 1
        self._limits.require_records(self._records)
        return self._is_deep


def _walk(body: bytes, shape: Shape, count: _Count) -> None:
    """Walk without recursion: where a message ends, its parent goes on."""
    above = [(shape, len(body))]
    position = 0
    while above:
        current, end = above.pop()
        while position < end:
            tag, start, position = _field(body, position)
            field = current.get(tag, _LEAF)
            if count.enters(field) and field is not None:
                if position > end:
                    raise _malformed()
                above.append((current, end))
                current, end, position = field, position, start
        if position != end:
            raise _malformed()


def _field(body: bytes, position: int) -> tuple[int, int, int]:
    """Read a field's tag; return it, and where its content starts and ends."""
    tag, position = _varint(body, position)
    if tag < _FIRST_TAG:
        raise UndecodableError("the body is not protobuf: it has a field of number 0")
    kind = tag & 7
    if kind == _BYTES:
        size, position = _varint(body, position)
        return tag, position, position + size
    if kind == _VARINT:
        return tag, position, _varint(body, position)[1]
    if kind not in _FIXED_BYTES:
        raise _malformed()
    return tag, position, position + _FIXED_BYTES[kind]


def _varint(body: bytes, position: int) -> tuple[int, int]:
    byte = body[position]
    if byte < _MORE:
        return byte, position + 1
    number = shift = 0
    for at in range(position, position + _MAX_VARINT_BYTES):
        byte = body[at]
        number |= (byte & ~_MORE) << shift
        if byte < _MORE:
            return number, at + 1
        shift += 7
    raise _malformed()


def _is_light(text: bytes, limits: Limits) -> bool:
    objects = text.count(b"{")
    signs = objects + text.count(b"[") + text.count(b",")
    return objects <= limits.objects and signs <= limits.objects * FIELDS_AN_OBJECT


def _shape(descriptor: Any, known: dict[str, Shape]) -> Shape:  # noqa: ANN401 - upb has a type of its own
    if descriptor.full_name in known:
        return known[descriptor.full_name]
    shape = known[descriptor.full_name] = Shape()
    shape.is_record = descriptor.name in _RECORD_NAMES or descriptor.name.endswith(_RECORD_END)
    for field in descriptor.fields:
        tag = field.number << 3 | _BYTES
        if field.message_type is not None:
            shape[tag] = _shape(field.message_type, known)
        elif field.is_repeated and field.type == field.TYPE_STRING:
            shape[tag] = None
    return shape


def _too_many_objects(limits: Limits) -> TooLargeError:
    return TooLargeError(
        f"the request holds more than {limits.objects} objects (records, attributes and their values) "
        f"or {limits.objects * FIELDS_AN_OBJECT} fields: send less at once"
    )


def _malformed() -> UndecodableError:
    return UndecodableError("the body is not protobuf: a field ends outside its message")
