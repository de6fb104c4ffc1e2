"""The log states the retention classes at the start after which they are others, and at no other."""

from pathlib import Path

import pytest

from tallystick.errors import ConfigError
from tallystick_ingest.otlp.incoming import BusyError
from tallystick_ingest.service import Service
from tallystick_ingest.stated_settings import CLASSES, MAX_VALUE_BYTES
from tallystick_store.events import read_events
from tests.requirements import requirement
from tests.retained import OldService


def stated(service: Service) -> list[tuple[object, object]]:
    found = read_events(service.store.database, "type = 'config.changed'", [])
    return [(one.statement["config.name"], one.statement["config.value"]) for one in found]


@requirement("retention.settings-stated")
def test_other_classes_are_on_record_before_anything_else_happens(tmp_path: Path) -> None:
    old = OldService(tmp_path / "home", "")
    assert stated(old.service) == []
    texts = [
        '[[class]]\nname = "a"\nkeep = "P1Y"\n',
        '# other words\n[[class]]\nname="a"\nkeep = "P12M"\n',
        '[[class]]\nname = "a"\nkeep = "forever"\ntools = ["pay_*"]\n',
        "",
        "",
    ]
    for text in texts:
        old.close()
        (old.root / "retention.toml").write_text(text)
        old.open()
    assert stated(old.service) == [
        (CLASSES, '[{"keep":"P1Y","name":"a"}]'),
        (CLASSES, '[{"keep":"forever","name":"a","tools":["pay_*"]}]'),
        (CLASSES, "[]"),
    ]
    old.close()
    assert old.verify().exit_code == 0


@requirement("retention.settings-stated")
def test_long_lists_are_stated_by_their_digest_and_names_of_people_are_masked(
    tmp_path: Path,
) -> None:
    long = "".join(
        f'[[class]]\nname = "class {number}"\nkeep = "P1Y"\nagents = ["{"x" * 120}"]\n'
        for number in range(100)
    ).replace('"]', '", "' + "y" * 120 + '", "' + "z" * 120 + '"]')
    assert len(long) > MAX_VALUE_BYTES
    old = OldService(tmp_path / "home", long)
    old.close()
    (old.root / "retention.toml").write_text(
        '[[class]]\nname = "of ada.lovelace@example.org"\nkeep = "P1Y"\n'
    )
    old.open()
    old.close()
    old.open()
    [(_, digest), (_, masked)] = stated(old.service)
    assert str(digest).startswith("sha256:")
    assert "lovelace" not in str(masked)
    old.close()


def test_a_service_that_cannot_state_them_does_not_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = OldService(tmp_path / "home", "")
    old.close()
    (old.root / "retention.toml").write_text('[[class]]\nname = "a"\nkeep = "P1Y"\n')

    def full(*_: object) -> None:
        raise BusyError("the disk is full")

    with monkeypatch.context() as patch:
        patch.setattr(Service, "state", full)
        with pytest.raises((BusyError, ConfigError)):
            old.open()
    assert [name for name, _ in stated(old.open())] == [CLASSES]
    old.close()
