"""What a framework shows its model of a tool, and the arguments that come back."""

import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import lru_cache
from typing import Any, Final
from weakref import WeakKeyDictionary

import orjson

from tallystick.capture.definition import MEMBERS, ToolDefinition, read_definition

DEFINITIONS: Final = 1024
"""Definitions of tools that are kept, so that a digest is not made for each call."""
_HINTS: Final = ("readOnlyHint", "destructiveHint")
_schemas: Final[WeakKeyDictionary[type, Mapping[str, Any]]] = WeakKeyDictionary()
"""Class that holds the arguments of a tool -> its JSON schema."""


def defined(
    name: str,
    description: str | None,
    schema: Mapping[str, Any] | None = None,
    hints: Mapping[str, Any] | None = None,
) -> ToolDefinition:
    """Return the definition of a tool; equal ones are made once. `hints` are annotations of MCP, if any."""
    said = {hint: hints[hint] for hint in _HINTS if hint in hints} if hints else {}
    printed = orjson.dumps([schema, said or None], default=str, option=orjson.OPT_NON_STR_KEYS)
    return _defined(name, description, printed)


def offered(tool: Mapping[str, Any]) -> ToolDefinition:
    """Return the definition of a tool in the form of MCP; equal ones are made once."""
    members = {member: tool[member] for member in MEMBERS if tool.get(member) is not None}
    try:
        printed = orjson.dumps(members, default=str, option=orjson.OPT_NON_STR_KEYS)
    except orjson.JSONEncodeError:  # a text that is no Unicode, or too large a number
        return read_definition(members)
    return _offered(printed)


def named(args: Sequence[Any], names: Sequence[str], kwargs: Mapping[str, Any]) -> dict[str, Any]:
    """Return arguments by name; those that have none by their position."""
    known = [*names, *(str(position) for position in range(len(names), len(args)))]
    return {**dict(zip(known, args, strict=False)), **kwargs}


def parsed(arguments: Any) -> Any:
    """Read arguments as a model gave them: an object, its JSON, or what was meant to be that; none: {}."""
    if not isinstance(arguments, str):
        return arguments if arguments is not None else {}
    try:
        return json.loads(arguments) if arguments else {}
    except ValueError:
        return arguments


def json_schema(model: Any) -> Mapping[str, Any] | None:
    """Return the JSON schema of a pydantic class, made once; None where it has none."""
    if not isinstance(model, type):
        return None
    if model not in _schemas:
        with suppress(Exception):  # pydantic knows no JSON for a type: no schema is shown then
            _schemas[model] = model.model_json_schema()  # type: ignore[attr-defined]
    return _schemas.get(model)


@lru_cache(maxsize=DEFINITIONS)
def _offered(printed: bytes) -> ToolDefinition:
    return read_definition(orjson.loads(printed))


@lru_cache(maxsize=DEFINITIONS)
def _defined(name: str, description: str | None, printed: bytes) -> ToolDefinition:
    schema, annotations = orjson.loads(printed)
    return read_definition(
        {
            "name": name,
            "description": description,
            "inputSchema": schema,
            "annotations": annotations,
        }
    )
