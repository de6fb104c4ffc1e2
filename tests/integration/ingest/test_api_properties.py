"""Requests made from the API's own description, good and bad, against the real service with records in it.

All checks of Schemathesis: no 500, each answer as described, bad data refused, credentials not ignored. The same
requests each time; TALLYSTICK_FUZZ_EXAMPLES=1000 makes more of them for each operation.
"""

import os
import re
from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis.checks import load_all_checks
from schemathesis.specs.openapi.checks import ignored_auth, positive_data_acceptance

from tallystick_store.rows import EventRow, SealRow
from tests.described import DOCUMENT, document
from tests.requirements import requirement
from tests.sending import JSON, items, logs_protobuf, span_json
from tests.serving import Service
from tests.stores import Emitter

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

EXAMPLES = int(os.environ.get("TALLYSTICK_FUZZ_EXAMPLES", "6"))
TRACE = "5e" * 16
LEFT_OUT = {
    "live": "answers without an end",
    "backup": "writes a directory with each request",
    "snapshot": "writes a directory wherever it is told to",
}
"""Operations that are not asked at random, and why."""
NOT_CHECKED: list[Any] = [positive_data_acceptance, ignored_auth]
"""Whether a text is a moment, a cursor, or the name of something that is there, no schema says; and a 429
for one bad credential after the other is right, where the check of Schemathesis wants a 401: see below."""
GUARDED = [
    (method.upper(), path)
    for path, methods in document()["paths"].items()
    for method, operation in methods.items()
    if operation.get("security")
]

REFUSALS = ["400", "401", "403", "404", "405", "409", "413", "429", "5xx"]
CHECKS = {"checks": {"negative_data_rejection": {"expected-statuses": REFUSALS}}}
"""How what makes no sense may be refused: too large is a reason too."""

load_all_checks()
schema = schemathesis.openapi.from_path(DOCUMENT, config=schemathesis.Config.from_dict(CHECKS))
asked = schema.exclude(operation_id=list(LEFT_OUT))


@pytest.fixture(scope="module")
def authorization(service: Service, everything: dict[str, str]) -> Iterator[dict[str, str]]:
    """Fill the service, and give a credential that may do everything."""
    emitter = Emitter("described")
    rows: list[EventRow | SealRow] = [emitter.opened(), emitter.seal()]
    rows += [emitter.call(n, trace__id=TRACE) for n in range(9)]
    assert service.send(logs_protobuf(items([*rows, emitter.seal()]))).status == 200
    span = span_json({"gen_ai.operation.name": "chat"}, traceId=TRACE)
    assert service.send(span, "/v1/traces", JSON).status == 200
    yield everything
    assert service.ask("GET", "/readyz").status == 200
    assert service.faults == []


@requirement("api.properties")
@asked.parametrize()
@settings(
    max_examples=EXAMPLES,
    derandomize=True,
    deadline=None,
    database=None,
    suppress_health_check=list(HealthCheck),
)
def test_whatever_is_asked_the_answer_is_as_described(
    case: Any, service: Service, authorization: dict[str, str]
) -> None:
    base = f"http://127.0.0.1:{service.port}"
    case.call_and_validate(base_url=base, headers=authorization, excluded_checks=NOT_CHECKED)


@requirement("api.properties")
@pytest.mark.parametrize("authorization", [None, "Bearer tallystick_nobodys", "Basic eDp5"])
@pytest.mark.parametrize(("method", "path"), GUARDED)
def test_nothing_is_answered_without_a_credential(
    service: Service, method: str, path: str, authorization: str | None
) -> None:
    headers = {"Content-Type": JSON}
    if authorization is not None:
        headers["Authorization"] = authorization
    target = re.sub(r"\{[a-z0-9_]+\}", "0" * 64, path)
    assert service.ask(method, target, b"{}", headers).status in {401, 429}
