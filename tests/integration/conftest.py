"""The services that integration tests talk to."""

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tallystick_ingest.auth.api_keys import SCOPES
from tests.serving import Service


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """Run `tallystick up` for all tests of a module; the emitter of tests.stores is enrolled."""
    made = Service(tmp_path_factory.mktemp("service")).start()
    assert made.enrol().status == 200
    yield made
    made.kill()


@pytest.fixture(scope="module")
def everything(service: Service) -> dict[str, str]:
    """Make an API key with every scope, as the administrator would; uses the one-time link up."""
    [token] = re.findall(r"/admin#([\w-]+)", service.output)
    sent = {"Content-Type": "application/json"}
    session = service.ask("POST", "/api/v1/login/link", json.dumps({"token": token}).encode(), sent)
    sent["Authorization"] = f"Bearer {session.json['session']}"
    return service.key(*SCOPES, by=sent)


@pytest.fixture
def make_service(tmp_path: Path) -> Iterator[Callable[..., Service]]:
    """Make services of one test's own; every process that is left is ended."""
    made: list[Service] = []

    def make(name: str = "service", **settings: object) -> Service:
        made.append(Service(tmp_path / name, **settings))  # type: ignore[arg-type]  # its fields
        return made[-1]

    yield make
    for one in made:
        one.kill()
