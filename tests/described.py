"""Whether an answer is what docs/openapi.json says: every answer that a test gets from a real service is held to it."""

import json
import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, Final

import jsonschema_rs

DOCUMENT: Final = Path(__file__).resolve().parent.parent / "docs" / "openapi.json"
JSON: Final = "application/json"
_NO_SUCH: Final = (404, 405)


def check_answer(
    method: str, path: str, status: int, headers: Mapping[str, str], body: bytes
) -> None:
    """Fail unless the description has this status, media type and form of JSON for the request.

    Addresses outside of the API, such as those of OTLP, are somebody else's to describe.
    """
    target = path.partition("?")[0].partition("#")[0]
    operation = _operation(method.lower(), target)
    if operation is None:
        assert not target.startswith("/api/v1/") or status in {*_NO_SUCH, 401} or _is_own(target), (
            f"{method} {target} answers {status} and is not described"
        )
        return
    described = operation["responses"].get(str(status))
    assert described is not None, f"{method} {target} answers {status}, which is not described"
    described = _resolved(described)
    media_type = headers.get("content-type", "").partition(";")[0]
    if not described.get("content"):
        return
    assert media_type in described["content"], (
        f"{method} {target} answers {status} as {media_type}, described are {list(described['content'])}"
    )
    if media_type == JSON:
        schema = json.dumps(described["content"][JSON]["schema"])
        faults = [
            f"{'/'.join(map(str, fault.instance_path))}: {fault.message[:200]}"
            for fault in _validator(schema).iter_errors(json.loads(body))
        ]
        assert not faults, f"{method} {target} answers {status} not as described: {faults[:3]}"


@cache
def document() -> Any:
    """Return the description as it is kept."""
    return json.loads(DOCUMENT.read_text(encoding="utf-8"))


def _is_own(target: str) -> bool:
    return target == "/api/v1/openapi.json"


@cache
def _patterns() -> list[tuple[re.Pattern[str], Any]]:
    paths = sorted(document()["paths"].items(), key=lambda one: one[0].count("{"))
    return [
        (re.compile(re.sub(r"\\\{[a-z0-9_]+\\\}", "[^/]+", re.escape(path))), operations)
        for path, operations in paths
    ]


def _operation(method: str, target: str) -> Any:
    for pattern, operations in _patterns():
        if pattern.fullmatch(target):
            return operations.get(method)
    return None


def _resolved(described: Any) -> Any:
    if "$ref" not in described:
        return described
    return document()["components"]["responses"][described["$ref"].rpartition("/")[2]]


@cache
def _validator(schema: str) -> jsonschema_rs.Draft202012Validator:
    whole = {**json.loads(schema), "components": {"schemas": document()["components"]["schemas"]}}
    return jsonschema_rs.Draft202012Validator(whole)


if __name__ == "__main__":
    from tallystick_ingest.api.openapi import print_description
    from tallystick_ingest.app import ROUTERS

    DOCUMENT.write_bytes(print_description(ROUTERS))
