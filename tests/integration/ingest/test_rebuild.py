"""`tallystick rebuild` on the directories of a stopped service."""

from pathlib import Path

from tallystick_store.archive.archive import ARCHIVE_FOLDER
from tallystick_store.opening import DATABASE_NAME
from tests.serving import Service
from tests.stores import damage, rows_of


def test_a_lost_database_is_made_anew_and_the_service_goes_on(service: Service) -> None:
    before = len(service.records())
    assert service.stop() == 0
    rows = rows_of(service.data)
    place = service.data / DATABASE_NAME
    place.write_bytes(b"garbage")
    said = service.tallystick("rebuild")
    assert said.returncode == 0, said.stderr
    assert "the tree is that of the newest checkpoint" in said.stdout
    assert f"the old database stands in {place}.replaced.1" in said.stdout
    assert rows_of(service.data) == rows
    service.start()
    assert len(service.records()) > before


def test_a_damaged_part_is_named(service: Service) -> None:
    assert service.stop() == 0
    path = min((service.data / ARCHIVE_FOLDER).rglob("events.parquet"))
    damage(path, "edited")
    said = service.tallystick("rebuild")
    assert said.returncode == 1
    assert f"{path} was changed" in said.stderr
    service.start()


def test_without_secrets_nothing_is_made(service: Service, tmp_path: Path) -> None:
    assert service.stop() == 0
    said = service.tallystick("rebuild", "--secrets", str(tmp_path / "elsewhere"))
    assert said.returncode == 1
    assert "holds no secrets of a service" in said.stderr
    assert not (tmp_path / "elsewhere").exists()
    service.start()
