"""`tallystick up` with a file of settings: what it takes, and what it says of mistakes."""

from collections.abc import Callable

import pytest

from tests.requirements import requirement
from tests.sending import batch, logs_protobuf
from tests.serving import Service
from tests.stores import Emitter

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

Make = Callable[..., Service]


@requirement("operations.settings")
@pytest.mark.parametrize("command", [("up",), ("config",), ("accounts", "list")])
def test_a_mistake_in_the_file_is_named_and_nothing_starts(
    make_service: Make, command: tuple[str, ...]
) -> None:
    service = make_service()
    service.home.mkdir(parents=True)
    (service.home / "server.toml").write_text('max_records = 1\nhots = "::1"\n')
    done = service.tallystick(*command)
    assert (done.returncode, done.stdout) == (1, "")
    assert f"{service.home}/server.toml: 'hots' is no setting: did you mean host" in done.stderr
    assert [one.name for one in service.home.iterdir()] == ["server.toml"]


@requirement("operations.settings")
def test_the_file_of_the_home_holds_for_every_command(make_service: Make) -> None:
    service = make_service()
    service.home.mkdir(parents=True)
    text = f'max_records = 1\nsecrets = "{service.root}/kept"\n'
    (service.home / "server.toml").write_text(text)
    shown = service.tallystick("config", "--port", "0")
    assert f"# file: {service.home}/server.toml" in shown.stdout.splitlines()
    service.start()
    assert f"settings     {service.home}/server.toml" in service.output
    service.enrol()
    assert service.send(logs_protobuf(batch(Emitter(), 2))).status == 413
    added = service.tallystick("accounts", "add", "ada", "--role", "viewer")
    assert added.returncode == 0, added.stderr
    assert (service.root / "kept" / "accounts.json").exists()
