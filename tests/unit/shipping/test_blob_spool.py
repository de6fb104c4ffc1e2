"""Blobs that wait: whole or absent on disk, uploaded before their records, never a reason to lose those."""

import hashlib
import os
import stat
from collections.abc import Mapping
from pathlib import Path

import pytest

from tallystick.blob import print_absence, print_blob
from tallystick.errors import ShipError, SpoolError
from tallystick.shipping.blob_spool import REFUSED, UPLOAD_HOLDS_S, BlobSpool
from tallystick.shipping.client import Answer
from tallystick.shipping.shipment import RetryLaterError
from tallystick.spool.frame import EVENT, SEAL, Frame
from tallystick.testing import FakeClock
from tests.requirements import requirement

CONTENT = b'{"rows":[1,2,3]}'
SHA = hashlib.sha256(CONTENT).hexdigest()


def has_room(_size_bytes: int) -> None:
    """Let every blob in."""


class Service:
    """Answers uploads as it is told to."""

    def __init__(self, status: int = 200) -> None:
        self.status = status
        self.got: list[tuple[str, bytes, dict[str, str]]] = []

    def put(self, path: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        self.got.append((path, body, dict(headers)))
        return Answer(self.status, {}, b"")


def spool(tmp_path: Path, *, is_synced: bool = False, clock: FakeClock | None = None) -> BlobSpool:
    return BlobSpool(tmp_path / "blobs", has_room, clock or FakeClock(), is_synced=is_synced)


def naming(*texts: str, kind: int = EVENT) -> Frame:
    lines = [f'["{"0" * 32}","result.blob",{quoted(text)}]' for text in texts]
    return Frame(kind, "\n".join(['{"type":"tool.completed"}', *lines]).encode(), 0, 0)


def quoted(text: str) -> str:
    return '"' + text.replace('"', '\\"') + '"'


@requirement("sdk.large-values")
@pytest.mark.parametrize("is_synced", [True, False])
def test_a_blob_is_one_private_file_under_its_digest(tmp_path: Path, is_synced: bool) -> None:
    kept = spool(tmp_path, is_synced=is_synced)
    ref = kept.keep(CONTENT)
    assert (ref.sha256, ref.size_bytes) == (SHA, len(CONTENT))
    assert kept.keep(CONTENT) == ref
    [path] = (tmp_path / "blobs").iterdir()
    assert (path.name, path.read_bytes(), path.stat().st_mode & 0o777) == (SHA, CONTENT, 0o600)
    assert (tmp_path / "blobs").stat().st_mode & 0o777 == 0o700


def test_a_synced_blob_and_its_name_are_on_disk_before_it_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[bool] = []
    monkeypatch.setattr(os, "fsync", lambda fd: synced.append(stat.S_ISDIR(os.fstat(fd).st_mode)))
    spool(tmp_path, is_synced=True).keep(CONTENT)
    assert synced == [False, True]


def test_without_room_nothing_is_written(tmp_path: Path) -> None:
    def check(size_bytes: int) -> None:
        raise SpoolError(f"no room for {size_bytes}")

    with pytest.raises(SpoolError, match="no room for 16"):
        BlobSpool(tmp_path / "blobs", check, FakeClock(), is_synced=False).keep(CONTENT)
    assert not (tmp_path / "blobs").exists()


def test_a_write_that_fails_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_self: Path, _target: Path) -> None:
        raise OSError("no")

    monkeypatch.setattr(Path, "replace", fail)
    with pytest.raises(OSError, match="no"):
        spool(tmp_path).keep(CONTENT)
    assert list((tmp_path / "blobs").iterdir()) == []


def test_what_a_killed_process_left_unfinished_is_removed_when_it_is_old(tmp_path: Path) -> None:
    folder = tmp_path / "blobs"
    folder.mkdir()
    old, young, refused = folder / "a.1.tmp", folder / "b.2.tmp", folder / f"c{REFUSED}"
    for path in (old, young, refused):
        path.write_bytes(b"half")
    for path in (old, refused):
        os.utime(path, (1, 1))
    spool(tmp_path).keep(CONTENT)
    assert {one.name for one in folder.iterdir()} == {young.name, refused.name, SHA}


@pytest.mark.parametrize(("status", "is_left"), [(200, False), (503, True), (404, True)], ids=str)
def test_a_blob_whose_record_was_never_written_goes_to_the_service_which_removes_it(
    tmp_path: Path, status: int, *, is_left: bool
) -> None:
    killed, contents = spool(tmp_path), [b"1", b"2"]
    for content in contents:
        os.utime(tmp_path / "blobs" / killed.keep(content).sha256, (1, 1))
    young = killed.keep(CONTENT).sha256
    service, waiting = Service(status), spool(tmp_path)
    for _ in range(3):
        waiting.hand_over(service)
    assert len(service.got) == (1 if is_left else 2)
    left = {one.name for one in (tmp_path / "blobs").iterdir()}
    assert young in left
    assert len(left) == (3 if is_left else 1)


@requirement("sdk.large-values")
def test_a_blob_that_waited_for_long_stays_until_its_record_is_taken(tmp_path: Path) -> None:
    kept, service = spool(tmp_path), Service()
    text = print_blob(kept.keep(CONTENT))
    os.utime(tmp_path / "blobs" / SHA, (1, 1))
    kept.upload(service, [naming(text)])
    assert (tmp_path / "blobs" / SHA).exists()
    assert len(service.got) == 1


@requirement("sdk.large-values")
def test_the_blobs_that_records_name_are_uploaded_once_and_removed_with_the_records(
    tmp_path: Path,
) -> None:
    kept, service = spool(tmp_path), Service()
    text = print_blob(kept.keep(CONTENT))
    kept.upload(service, [naming(text), naming(text)])
    kept.upload(service, [naming(text)])
    headers = {"Content-Type": "application/json"}
    assert service.got == [(f"/api/v1/blobs/sha256:{SHA}", CONTENT, headers)]
    assert (tmp_path / "blobs" / SHA).exists(), (
        "its record may wait for longer than the blob is kept"
    )
    kept.release([naming(text)])
    assert list((tmp_path / "blobs").iterdir()) == []
    kept.upload(service, [naming(text)])
    assert len(service.got) == 1


@requirement("sdk.large-values")
def test_a_blob_whose_record_waits_is_uploaded_anew_by_a_later_process_and_by_the_hour(
    tmp_path: Path,
) -> None:
    clock, service = FakeClock(), Service()
    kept = spool(tmp_path, clock=clock)
    records = [naming(print_blob(kept.keep(CONTENT)))]
    kept.upload(service, records)
    clock.advance(UPLOAD_HOLDS_S + 1)
    kept.upload(service, records)
    kept.upload(service, records)
    assert len(service.got) == 2
    spool(tmp_path).upload(service, records)
    assert len(service.got) == 3


@pytest.mark.parametrize(
    "frame",
    [
        naming(print_absence("too_large")),
        naming("garbage"),
        Frame(EVENT, b'{"type":"tool.completed"}', 0, 0),
        Frame(EVENT, f'{{}}\n["{"0" * 32}","result","{SHA}"]'.encode(), 0, 0),
    ],
)
def test_records_that_name_no_blob_upload_none(tmp_path: Path, frame: Frame) -> None:
    kept, service = spool(tmp_path), Service()
    kept.keep(CONTENT)
    kept.upload(service, [frame])
    assert service.got == []


def test_a_seal_names_no_blob(tmp_path: Path) -> None:
    kept, service = spool(tmp_path), Service()
    kept.upload(service, [naming(print_blob(kept.keep(CONTENT)), kind=SEAL)])
    assert service.got == []


@requirement("sdk.large-values")
@pytest.mark.parametrize("status", [503, 429])
def test_while_the_service_is_busy_the_blob_stays_and_its_records_wait(
    tmp_path: Path, status: int
) -> None:
    kept = spool(tmp_path)
    text = print_blob(kept.keep(CONTENT))
    with pytest.raises(RetryLaterError):
        kept.upload(Service(status), [naming(text)])
    assert (tmp_path / "blobs" / SHA).exists()


@pytest.mark.parametrize("status", [401, 403])
def test_where_the_key_may_not_send_the_records_wait_too(tmp_path: Path, status: int) -> None:
    kept = spool(tmp_path)
    text = print_blob(kept.keep(CONTENT))
    with pytest.raises(ShipError):
        kept.upload(Service(status), [naming(text)])
    assert (tmp_path / "blobs" / SHA).exists()


@pytest.mark.parametrize("status", [404, 405, 501])
def test_a_receiver_without_blobs_holds_up_no_record(
    tmp_path: Path, status: int, caplog: pytest.LogCaptureFixture
) -> None:
    kept = spool(tmp_path)
    text = print_blob(kept.keep(CONTENT))
    for _ in range(2):
        kept.upload(Service(status), [naming(text)])
        kept.release([naming(text)])
    assert (tmp_path / "blobs" / SHA).exists()
    assert len(caplog.records) == 1


@pytest.mark.parametrize("status", [400, 413, 415])
def test_a_blob_that_the_service_will_never_take_is_put_aside_and_said(
    tmp_path: Path, status: int, caplog: pytest.LogCaptureFixture
) -> None:
    kept, service = spool(tmp_path), Service(status)
    text = print_blob(kept.keep(CONTENT))
    for _ in range(2):
        kept.upload(service, [naming(text)])
    assert len(service.got) == 1
    assert (tmp_path / "blobs" / f"{SHA}.refused").read_bytes() == CONTENT
    assert ".refused" in caplog.text
