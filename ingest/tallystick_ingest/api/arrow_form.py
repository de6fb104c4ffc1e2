"""Arrow columns as a model of an answer states them: what JSON has, one column a member.

Texts and numbers are Arrow's own, lists are lists, models are structs; an object whose members are not known
beforehand, such as a statement, is a column of JSON text.
"""

import types
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import orjson
import pyarrow as pa

from tallystick_ingest.api.answers.form import Answer


@cache
def arrow_schema(model: type[Answer]) -> pa.Schema:
    """Return the columns of a model, in its order."""
    return pa.schema(
        [
            pa.field(name, _type(one.annotation), nullable=_is_optional(one.annotation))
            for name, one in model.model_fields.items()
        ]
    )


def arrow_table(model: type[Answer], shapes: Sequence[Mapping[str, Any]]) -> pa.Table:
    """Return JSON shapes of a model as a table."""
    schema = arrow_schema(model)
    texts = [name for name, one in model.model_fields.items() if _is_json(one.annotation)]
    rows = [{**shape, **{name: _text(shape[name]) for name in texts}} for shape in shapes]
    return pa.Table.from_pylist(rows, schema=schema)


def arrow_stream(table: pa.Table, said: Mapping[str, str]) -> bytes:
    """Return a table as an Arrow IPC stream, with `said` in the metadata of its schema."""
    sink = pa.BufferOutputStream()
    schema = table.schema.with_metadata({name.lower(): value for name, value in said.items()})
    with pa.ipc.new_stream(sink, schema) as stream:
        stream.write_table(table.replace_schema_metadata(schema.metadata))
    return bytes(sink.getvalue())


def _text(value: object) -> str | None:
    return None if value is None else orjson.dumps(value).decode()


def _bare(annotation: Any) -> Any:  # noqa: ANN401 - any type of a member
    """Return a type without `Annotated` and `| None`."""
    if get_origin(annotation) is Annotated:
        return _bare(get_args(annotation)[0])
    if _is_union(annotation):
        [kind] = [one for one in get_args(annotation) if one is not types.NoneType]
        return _bare(kind)
    return annotation


def _is_union(annotation: Any) -> bool:  # noqa: ANN401 - as above
    return get_origin(annotation) in (Union, types.UnionType)


def _is_optional(annotation: Any) -> bool:  # noqa: ANN401 - as above
    return _is_union(annotation) and types.NoneType in get_args(annotation)


def _is_json(annotation: Any) -> bool:  # noqa: ANN401 - as above
    """Whether a member has no shape of its own: its text stands in the column."""
    kind = _bare(annotation)
    return get_origin(kind) is dict or kind in (Any, list[Any])


def _type(annotation: Any) -> pa.DataType:  # noqa: ANN401 - as above
    kind = _bare(annotation)
    if _is_json(kind) or get_origin(kind) is Literal:
        return pa.string()
    if get_origin(kind) in (list, tuple):
        return pa.list_(_type(get_args(kind)[0]))
    if isinstance(kind, type) and issubclass(kind, Answer):
        return pa.struct(list(arrow_schema(kind)))
    simple: dict[type, pa.DataType] = {
        str: pa.string(),
        int: pa.int64(),
        bool: pa.bool_(),
        float: pa.float64(),
    }
    return simple[kind]
