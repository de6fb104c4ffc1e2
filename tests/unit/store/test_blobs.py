"""The blobs of a store: kept under the digest of their bytes, whole or not at all."""

import hashlib
import os
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tallystick.blob import BlobRef, print_blob
from tallystick.errors import RecordError, StoreError
from tallystick_store.blob_sweep import LEFTOVER_AGE_S, ORPHAN_AGE_S, Swept, sweep_blobs
from tallystick_store.blobs import BlobFiles, blob_digest
from tallystick_store.rows import Admitted, EventRow
from tallystick_store.store import Store
from tests.open_files import open_files
from tests.requirements import requirement
from tests.stores import Emitter, open_store

CONTENT = b'{"rows":[1,2,3]}' * 40_000
SHA = hashlib.sha256(CONTENT).hexdigest()
OTHER = b"{}"
OTHER_SHA = hashlib.sha256(OTHER).hexdigest()
NOW_US = 1_700_000_000_000_000


def read(blobs: BlobFiles, sha256: str = SHA) -> bytes | None:
    blocks = blobs.blocks(sha256)
    return None if blocks is None else b"".join(blocks)


@requirement("sdk.large-values")
def test_what_is_put_is_read_again_and_put_twice_is_one_file(tmp_path: Path) -> None:
    blobs = BlobFiles(tmp_path / "blobs")
    assert read(blobs) is None
    for _ in range(2):
        blobs.put(SHA, CONTENT)
    assert read(blobs) == CONTENT
    [path] = [one for one in (tmp_path / "blobs").rglob("*") if one.is_file()]
    assert path == tmp_path / "blobs" / SHA[:2] / SHA == blobs.path(SHA)
    assert blob_digest(CONTENT) == SHA


@requirement("sdk.large-values")
def test_bytes_of_another_digest_are_refused(tmp_path: Path) -> None:
    with pytest.raises(RecordError, match="a blob has the SHA-256"):
        BlobFiles(tmp_path).put(SHA, CONTENT[1:])
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["", "../" + "a" * 61, SHA.upper(), f"{SHA}\n"])
def test_a_name_that_is_no_digest_leads_nowhere(tmp_path: Path, name: str) -> None:
    blobs = BlobFiles(tmp_path)
    with pytest.raises(StoreError):
        blobs.blocks(name)
    with pytest.raises(StoreError):
        blobs.put(name, CONTENT)


@requirement("sdk.large-values")
def test_two_threads_that_put_one_blob_do_not_meet(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    blobs, both, fsync = BlobFiles(tmp_path), threading.Barrier(2), os.fsync
    waiting = iter(range(2))

    def meet(descriptor: int) -> None:
        if next(waiting, None) is not None:
            both.wait(120)
        fsync(descriptor)

    blobs.put(OTHER_SHA, OTHER)
    (tmp_path / SHA[:2]).mkdir(exist_ok=True)
    monkeypatch.setattr("tallystick_store.files.os.fsync", meet)
    with ThreadPoolExecutor(2) as pool:
        puts = [pool.submit(blobs.put, SHA, CONTENT) for _ in range(2)]
        assert [put.result(120) for put in puts] == [None, None]
    assert read(blobs) == CONTENT
    assert sorted(one.name for one in tmp_path.rglob("*") if one.is_file()) == sorted(
        [SHA, OTHER_SHA]
    )


@requirement("sdk.large-values")
def test_a_blob_that_is_asked_for_and_not_read_is_not_open(tmp_path: Path) -> None:
    blobs = BlobFiles(tmp_path)
    blobs.put(SHA, CONTENT)
    blocks = blobs.blocks(SHA)
    assert blocks is not None
    assert blobs.path(SHA) not in open_files()
    next(blocks)
    assert blobs.path(SHA) in open_files()
    blocks.close()
    assert blobs.path(SHA) not in open_files()


def aged(path: Path, age_s: float) -> Path:
    """Let a file be this much older than NOW_US."""
    at_s = NOW_US / 1_000_000 - age_s
    os.utime(path, (at_s, at_s))
    return path


def named_in(store: Store, *names: str) -> None:
    """Commit a record for each blob that names it."""
    emitter = Emitter("one")
    rows = [
        EventRow(emitter.record("tool.completed", {"result.blob": print_blob(BlobRef(name, 1))}))
        for name in names
    ]
    group = store.group()
    group.add(Admitted("sender-1", (emitter.opened(), *rows), None), NOW_US)
    store.commit(group)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = open_store(tmp_path)
    yield opened
    opened.close()


@requirement("store.blob-sweep")
def test_a_blob_that_no_record_names_is_removed_when_it_is_old_and_no_other(store: Store) -> None:
    contents = {blob_digest(text): text for text in (b"named", b"orphan", b"young")}
    named, orphan, young = contents
    for sha256, text in contents.items():
        store.blobs.put(sha256, text)
        aged(store.blobs.path(sha256), ORPHAN_AGE_S + 1)
    aged(store.blobs.path(young), ORPHAN_AGE_S - 1)
    named_in(store, named)
    assert sweep_blobs(store.blobs, store.database, NOW_US) == Swept(orphans=1, leftovers=0)
    assert [sha for sha in contents if read(store.blobs, sha) is None] == [orphan]
    assert sweep_blobs(store.blobs, store.database, NOW_US) == Swept(0, 0)


@requirement("store.blob-sweep")
def test_a_blob_that_a_late_disclosure_names_stays(store: Store) -> None:
    store.blobs.put(SHA, CONTENT)
    aged(store.blobs.path(SHA), ORPHAN_AGE_S + 1)
    line = f'["{"0" * 32}","params.blob","{{\\"digest\\":\\"sha256:{SHA}\\"}}"]'
    store.database.rows("INSERT INTO late_disclosures VALUES (7, ?)", [line])
    assert sweep_blobs(store.blobs, store.database, NOW_US) == Swept(0, 0)
    assert read(store.blobs) == CONTENT


@requirement("store.blob-sweep")
def test_a_blob_that_is_sent_again_is_as_new_as_one_sent_now(tmp_path: Path) -> None:
    blobs = BlobFiles(tmp_path)
    blobs.put(SHA, CONTENT)
    path = aged(blobs.path(SHA), ORPHAN_AGE_S + 1)
    before_s = path.stat().st_mtime + 1
    assert list(blobs.untouched_since(before_s)) == [SHA]
    blobs.put(SHA, CONTENT)
    assert list(blobs.untouched_since(before_s)) == []
    assert blobs.remove_untouched(SHA, before_s) is False
    assert read(blobs) == CONTENT


@requirement("store.blob-sweep")
def test_what_a_killed_write_left_is_removed_when_it_is_old(store: Store) -> None:
    folder = store.blobs.path(SHA).parent
    folder.mkdir(parents=True)
    old, young = folder / f"{SHA}.1.tmp", folder / f"{SHA}.2.tmp"
    for path in (old, young):
        path.write_bytes(b"half")
    aged(old, LEFTOVER_AGE_S + 1)
    aged(young, LEFTOVER_AGE_S - 1)
    assert sweep_blobs(store.blobs, store.database, NOW_US) == Swept(orphans=0, leftovers=1)
    assert [one.name for one in folder.iterdir()] == [young.name]


def test_a_store_without_blobs_has_nothing_to_sweep(store: Store) -> None:
    assert sweep_blobs(store.blobs, store.database, NOW_US) == Swept(0, 0)


def test_a_folder_that_cannot_be_written_is_an_error_of_the_store(tmp_path: Path) -> None:
    (tmp_path / "blobs").write_bytes(b"a file in its place")
    blobs = BlobFiles(tmp_path / "blobs")
    with pytest.raises(StoreError, match="cannot be written"):
        blobs.put(SHA, CONTENT)
    assert read(blobs) is None
