"""Downloads: streamed through with the visitor's own rights, and refused as the service refuses."""

from collections.abc import Mapping
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from tallystick_dashboard.client import (
    DashboardError,
    NotAllowedError,
    NotFoundError,
    NotSignedInError,
    Package,
    RefusedError,
    ServiceAwayError,
)
from tallystick_dashboard.downloads import download_routes
from tallystick_dashboard.session import COOKIE
from tests.requirements import requirement

SHA = "ab" * 32
HEADERS: Mapping[str, str] = {
    "Content-Type": "application/json",
    "Content-Disposition": 'attachment; filename="x.json"',
    "Set-Cookie": "evil=1",
}


class Answers:
    """A client that gives what a test wants, and notes what it is asked."""

    def __init__(self, fault: DashboardError | None = None) -> None:
        self.fault = fault
        self.asked: list[tuple[str, str, str | None]] = []
        self.token: str | None = None

    def of(self, token: str | None) -> "Answers":
        self.token = token
        return self

    def blob(self, sha256: str) -> Package:
        return self._give("blob", sha256)

    def package(self, export_id: str) -> Package:
        return self._give("package", export_id)

    def _give(self, kind: str, name: str) -> Package:
        self.asked.append((kind, name, self.token))
        if self.fault is not None:
            raise self.fault
        return Package(iter((b'{"rows":', b"[]}")), HEADERS)


def visit(answers: Answers, path: str) -> Any:
    routes = download_routes(answers.of)  # type: ignore[arg-type]  # it has both methods
    browser = TestClient(Starlette(routes=routes), cookies={COOKIE: "s-1"})
    return browser.get(path)


@requirement("sdk.large-values")
@pytest.mark.parametrize(
    ("path", "asked"), [(f"/blob/{SHA}", ("blob", SHA)), ("/download/4dfc", ("package", "4dfc"))]
)
def test_it_is_streamed_through_with_the_rights_of_the_visitor(
    path: str, asked: tuple[str, str]
) -> None:
    answers = Answers()
    answer = visit(answers, path)
    assert (answer.status_code, answer.content) == (200, b'{"rows":[]}')
    assert answers.asked == [(*asked, "s-1")]
    assert answer.headers["content-disposition"].startswith("attachment")
    assert answer.headers["cache-control"] == "no-store"
    assert "set-cookie" not in answer.headers


@pytest.mark.parametrize(
    ("fault", "status"),
    [
        (NotSignedInError("who"), 401),
        (NotAllowedError("no"), 403),
        (NotFoundError("none"), 404),
        (RefusedError("not yet"), 409),
        (ServiceAwayError("away"), 503),
    ],
)
def test_what_the_service_refuses_is_refused(fault: DashboardError, status: int) -> None:
    answer = visit(Answers(fault), f"/blob/{SHA}")
    assert (answer.status_code, answer.text) == (status, f"{fault}\n")
