"""The services that integration tests talk to."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.serving import Service


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """Run `tallystick up` for all tests of a module; the emitter of tests.stores is enrolled."""
    made = Service(tmp_path_factory.mktemp("service")).start()
    assert made.enrol().status == 200
    yield made
    made.kill()


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
