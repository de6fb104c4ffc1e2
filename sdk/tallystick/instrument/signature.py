"""The signature of a function as part of its definition: the same text for the same code, in every process.

A JSON Schema names the parameters, with the types that JSON knows; `x-signature` is the signature as it is
written, so that no change of it goes unseen. Defaults that are no plain values stand as `...`: what an object
prints of itself may be its address in memory.
"""

import inspect
import re
from typing import Final

from tallystick.profile import JsonValue

_JSON_TYPES: Final = {
    "str": "string",
    "int": "integer",
    "float": "number",
    "bool": "boolean",
    "list": "array",
    "dict": "object",
    "None": "null",
}
"""An annotation as it is written -> the JSON type that a model would have to give."""
_MAX_INT: Final = 2**53
_ADDRESS: Final = re.compile(r" at 0x[0-9a-fA-F]+")
_UNWRITTEN: Final = "..."
_EMPTY: Final = inspect.Parameter.empty
_ANY_NUMBER: Final = {
    inspect.Parameter.VAR_POSITIONAL: {"type": "array"},
    inspect.Parameter.VAR_KEYWORD: {"type": "object"},
}


def signature_schema(signature: inspect.Signature, receiver: str | None) -> dict[str, JsonValue]:
    """Return a JSON Schema of the parameters without `receiver`, with the signature under `x-signature`.

    Raises nothing, whatever the annotations and defaults are.
    """
    shown = [one for one in signature.parameters.values() if one.name != receiver]
    return {
        "type": "object",
        "properties": {one.name: _schema(one) for one in shown},
        "required": [one.name for one in shown if _is_required(one)],
        "x-signature": _written(signature, shown),
    }


def _is_required(parameter: inspect.Parameter) -> bool:
    return parameter.default is _EMPTY and parameter.kind not in _ANY_NUMBER


def _schema(parameter: inspect.Parameter) -> dict[str, JsonValue]:
    if parameter.kind in _ANY_NUMBER:
        return {**_ANY_NUMBER[parameter.kind]}
    known = _JSON_TYPES.get(_annotation(parameter.annotation))
    schema: dict[str, JsonValue] = {"type": known} if known else {}
    if _is_plain(parameter.default):
        schema["default"] = parameter.default
    return schema


class _Written(str):
    """A text that a signature prints as it is."""

    __slots__ = ()

    def __repr__(self) -> str:
        return str(self)


def _written(signature: inspect.Signature, shown: list[inspect.Parameter]) -> str:
    parameters = [
        one.replace(annotation=_said(one.annotation), default=_default(one.default))
        for one in shown
    ]
    return str(inspect.Signature(parameters, return_annotation=_said(signature.return_annotation)))


def _said(annotation: object) -> object:
    return annotation if annotation is _EMPTY else _Written(_annotation(annotation))


def _default(value: object) -> object:
    if value is _EMPTY:
        return value
    return _Written(repr(value) if _is_plain(value) else _UNWRITTEN)


def _annotation(annotation: object) -> str:
    """Return an annotation as it is written, without addresses in memory; "" where there is none."""
    if annotation is _EMPTY:
        return ""
    if isinstance(annotation, str):  # from __future__ import annotations
        return annotation
    try:
        return _ADDRESS.sub("", inspect.formatannotation(annotation))
    except Exception:  # noqa: BLE001 - an annotation may be any object
        return type(annotation).__qualname__


def _is_plain(value: object) -> bool:
    """Say whether a value, or each in a list, is JSON and prints the same in every process."""
    if isinstance(value, list | tuple) and type(value) in (list, tuple):
        return all(_is_scalar(item) for item in value)
    return _is_scalar(value)


def _is_scalar(value: object) -> bool:
    if type(value) is int:
        return abs(value) < _MAX_INT
    return value is None or type(value) in (str, bool, float)
