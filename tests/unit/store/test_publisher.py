"""Publishing: files before signatures, and no signature over what the store is not."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tallystick.errors import StoreError
from tallystick.tlog.checkpoint import Checkpoint, open_checkpoint
from tallystick.tlog.ed25519 import load_verify
from tallystick.tlog.tiles import tiles_of
from tallystick_store.checkpoints import CheckpointLog, LogSigner
from tallystick_store.files import Files
from tallystick_store.store import Store
from tallystick_store.tilestore import TileStore
from tests.keys import key_pair
from tests.requirements import requirement
from tests.stores import LOG, ORIGIN, Emitter, log_signer, open_store, write


def fill(store: Store, emitter: Emitter, count: int) -> None:
    write(store, [emitter.call(number) for number in range(count)])


def note_of(size: int, root: bytes, signer: LogSigner | None = None) -> str:
    return (signer or log_signer()).signed(Checkpoint(ORIGIN, size, root))


def stored_notes(store: Store) -> list[str]:
    return list(store.checkpoints.notes(-1, 1 << 40))


def test_a_checkpoint_is_the_signed_root_of_what_is_committed(tmp_path: Path) -> None:
    store, emitter = open_store(tmp_path), Emitter()
    fill(store, emitter, 300)
    published = store.publisher.publish_now()
    assert published is not None
    content = (tmp_path / "log/checkpoint").read_text()
    assert content == published.note
    checkpoint = open_checkpoint(content, [LOG.key], load_verify())
    assert (checkpoint.origin, checkpoint.size) == (ORIGIN, 300)
    assert stored_notes(store) == [published.note]
    assert store.checkpoint == published
    store.close()


def test_nothing_new_is_not_signed_again(tmp_path: Path) -> None:
    store, emitter = open_store(tmp_path), Emitter()
    assert store.publisher.publish_now() is None
    assert not (tmp_path / "log/checkpoint").exists()
    fill(store, emitter, 3)
    assert store.publisher.publish_now() == store.publisher.publish_now()
    assert len(stored_notes(store)) == 1
    store.close()


@requirement("tlog.tiles")
def test_files_come_before_the_signature_and_the_database_before_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps: list[str] = []
    files_write, keep = Files.write, CheckpointLog.keep

    def write_file(self: Files, path: str, content: bytes) -> None:
        steps.append(path.partition("/")[0])
        files_write(self, path, content)

    def keep_row(self: CheckpointLog, signed: object) -> None:
        steps.append("row")
        keep(self, signed)  # type: ignore[arg-type]  # passed on as it came

    def sign(message: bytes) -> bytes:
        steps.append("sign")
        return LOG.sign(message)

    monkeypatch.setattr(Files, "write", write_file)
    monkeypatch.setattr(CheckpointLog, "keep", keep_row)
    signer = LogSigner(LOG.name, LOG.public_key, sign)
    store = Store.open(tmp_path, signer, publish_interval_s=None)
    fill(store, Emitter(), 300)
    store.publisher.publish_now()
    expected = ["tile"] * (sum(1 for _ in tiles_of(300)) + 2)
    assert steps == [*expected, "sign", "row", "checkpoint"]
    store.close()


def test_the_background_publishes_what_is_committed(tmp_path: Path) -> None:
    store = Store.open(tmp_path, log_signer(), publish_interval_s=0.0)
    fill(store, Emitter(), 5)
    published = store.publisher.publish_now()
    assert published is not None
    assert published.size == 5
    store.close()
    again = open_store(tmp_path)
    assert again.checkpoint is not None
    assert again.checkpoint.size == 5
    again.close()


def test_closing_publishes_what_is_committed(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    fill(store, Emitter(), 5)
    store.close()
    assert (tmp_path / "log/checkpoint").read_text().split("\n")[1] == "5"


@requirement("log.entangled")
def test_a_larger_checkpoint_of_our_own_key_stops_signing_for_good(tmp_path: Path) -> None:
    store, emitter = open_store(tmp_path), Emitter()
    fill(store, emitter, 5)
    before = store.publisher.publish_now()
    store.publisher.observe(note_of(9, b"r" * 32))
    assert store.signing_stopped is not None
    assert "states 9 entries and the store holds 5" in store.signing_stopped
    fill(store, emitter, 10)
    assert store.publisher.publish_now() == before
    with pytest.raises(StoreError, match="there are no proofs"):
        store.inclusion_proof(5, 0)
    store.close()
    again = open_store(tmp_path)
    assert again.signing_stopped is not None
    fill(again, emitter, 1)
    assert again.size == 16
    again.close()


@requirement("log.entangled")
def test_another_root_at_our_size_stops_signing(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    fill(store, Emitter(), 5)
    store.publisher.publish_now()
    store.publisher.observe(note_of(3, b"r" * 32))
    assert store.signing_stopped is not None
    assert "another root at 3 entries" in store.signing_stopped
    store.close()


def test_checkpoints_that_we_gave_are_of_no_concern(tmp_path: Path) -> None:
    store, emitter = open_store(tmp_path), Emitter()
    notes = []
    for _ in range(3):
        fill(store, emitter, 4)
        published = store.publisher.publish_now()
        assert published is not None
        notes.append(published.note)
    store.close()
    again = open_store(tmp_path)
    for note in notes * 2:
        again.publisher.observe(note)
    assert again.signing_stopped is None
    again.close()


@pytest.mark.parametrize(
    "note",
    [
        "",
        "no note",
        "\ud800",
        note_of(9, b"r" * 32, log_signer(key_pair(ORIGIN, "another"))),
        note_of(9, b"r" * 32).replace("\n9\n", "\n8\n"),
        key_pair("other.example/log").name,
    ],
)
def test_what_our_key_did_not_sign_is_of_no_concern(tmp_path: Path, note: str) -> None:
    store = open_store(tmp_path)
    fill(store, Emitter(), 1)
    store.publisher.observe(note)
    assert store.signing_stopped is None
    store.close()


def test_few_of_the_seen_notes_are_kept_in_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tallystick_store.publisher._NOTES_SEEN", 2)
    store, emitter = open_store(tmp_path), Emitter()
    for _ in range(5):
        fill(store, emitter, 1)
        store.publisher.publish_now()
    opened = store.checkpoints.open
    asked: list[str] = []

    def count(note: str) -> object:
        asked.append(note)
        return opened(note)

    monkeypatch.setattr(store.checkpoints, "open", count)
    notes = stored_notes(store)
    for note in reversed(notes):
        store.publisher.observe(note)
    assert asked == [*reversed(notes[:3])]
    store.close()


FAULTS: list[tuple[type, str]] = [
    (TileStore, "grow"),
    (LogSigner, "signed"),
    (CheckpointLog, "keep"),
    (TileStore, "write_checkpoint"),
    (TileStore, "drop_partials"),
]


@pytest.mark.parametrize("persists", [False, True])
@pytest.mark.parametrize(("owner", "name"), FAULTS, ids=str)
def test_a_step_that_fails_is_made_up_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, owner: type, name: str, *, persists: bool
) -> None:
    store, emitter = open_store(tmp_path), Emitter()
    fill(store, emitter, 250)
    before = store.publisher.publish_now()
    fill(store, emitter, 20)
    step: Callable[..., object] = getattr(owner, name)

    def fail(*arguments: object) -> object:
        if persists:
            step(*arguments)
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(owner, name, fail)
        with pytest.raises(StoreError, match="No space left"):
            store.publisher.publish_now()
    assert store.publisher.failure is not None
    if name != "drop_partials":
        assert store.checkpoint == before
    published = store.publisher.publish_now()
    assert published is not None
    assert published.size == 270
    assert not store.publisher.failure
    assert len(stored_notes(store)) == 2
    store.close()
    again = open_store(tmp_path)
    assert (again.size, again.notices, again.signing_stopped) == (270, (), None)
    again.close()
