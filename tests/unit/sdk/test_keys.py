"""Keys and credentials: private files, made once, never replaced when they are damaged."""

import base64
import json
import os
import threading
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from tallystick.credentials import (
    Credentials,
    credentials_path,
    load_credentials,
    save_credentials,
)
from tallystick.errors import EnrolmentError
from tallystick.keys import EmitterKey, load_emitter_key, load_token_key
from tallystick.private_file import create_private_file, private_file_warnings, replace_private_file
from tallystick.tlog.ed25519 import load_verify
from tests.keys import key_pair

URL = "http://127.0.0.1:4318"
TOKEN = base64.b64encode(b"t" * 32).decode()
VKEY = key_pair("log.example/default").key.vkey


def test_the_identity_key_is_made_once_and_is_private(tmp_path: Path) -> None:
    first, second = (
        load_emitter_key(tmp_path / "home", None),
        load_emitter_key(tmp_path / "home", None),
    )
    path = tmp_path / "home" / "emitter.key"
    assert first.key == second.key
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700
    assert load_pem_private_key(path.read_bytes(), None) is not None
    assert load_verify()(first.key.public_key, first.sign(b"x"), b"x")
    assert [one.name for one in path.parent.iterdir()] == ["emitter.key"]


def test_an_emitter_without_a_name_gets_one_that_its_key_gives(tmp_path: Path) -> None:
    key = load_emitter_key(tmp_path, None)
    assert key.name.startswith("tallystick.local/emitter-")
    assert len(key.name) == len("tallystick.local/emitter-") + 8
    assert load_emitter_key(tmp_path, None).name == key.name
    assert load_emitter_key(tmp_path, "shop.example/agent").name == "shop.example/agent"


def test_processes_that_start_together_get_the_same_key(tmp_path: Path) -> None:
    found: list[EmitterKey] = []
    threads = [
        threading.Thread(target=lambda: found.append(load_emitter_key(tmp_path, None)))
        for _ in range(16)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({one.key for one in found}) == 1
    assert len(found) == 16


def ec_key() -> bytes:
    key = generate_private_key(SECP256R1())
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


@pytest.mark.parametrize("content", [b"", b"not a key", ec_key()])
def test_a_damaged_identity_key_is_an_error_and_stays(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "emitter.key").write_bytes(content)
    with pytest.raises(EnrolmentError, match="move it away"):
        load_emitter_key(tmp_path, None)
    assert (tmp_path / "emitter.key").read_bytes() == content


def test_a_malformed_name_is_refused(tmp_path: Path) -> None:
    with pytest.raises(EnrolmentError, match="name"):
        load_emitter_key(tmp_path, "two words")


def test_the_local_token_key_is_made_once_and_named_by_its_digest(tmp_path: Path) -> None:
    first = load_token_key(tmp_path)
    assert load_token_key(tmp_path) == first
    assert first.key_id.startswith("local")
    assert len(first.secret) == 32
    assert (tmp_path / "token.key").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("content", ["", "zz", "00" * 31])
def test_a_damaged_token_key_is_an_error_and_stays(tmp_path: Path, content: str) -> None:
    (tmp_path / "token.key").write_text(content)
    with pytest.raises(EnrolmentError, match="hex digits"):
        load_token_key(tmp_path)
    assert (tmp_path / "token.key").read_text() == content


def full() -> Credentials:
    return Credentials(URL, "ts_key", "default", VKEY, VKEY, "t1", TOKEN)


def test_credentials_read_back(tmp_path: Path) -> None:
    path = credentials_path(tmp_path, None)
    save_credentials(path, full())
    assert path == tmp_path / "credentials.json"
    assert path.stat().st_mode & 0o777 == 0o600
    found = load_credentials(tmp_path, None)
    assert found == full()
    assert found is not None
    assert (found.log_key, found.tokens and found.tokens.key_id) == (
        key_pair("log.example/default").key,
        "t1",
    )


def test_credentials_that_say_little_are_enough() -> None:
    known = Credentials(URL)
    assert (known.log_key, known.tokens) == (None, None)


def test_what_a_newer_version_wrote_into_the_file_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "credentials.json"
    path.write_text(json.dumps({"url": URL, "from_the_future": 1}))
    save_credentials(path, full())
    assert json.loads(path.read_text())["from_the_future"] == 1
    assert load_credentials(tmp_path, None) == full()


def test_another_service_has_a_file_of_its_own(tmp_path: Path) -> None:
    save_credentials(tmp_path / "credentials.json", full())
    assert load_credentials(tmp_path, "https://other.example") is None
    path = credentials_path(tmp_path, "https://other.example")
    assert path != tmp_path / "credentials.json"
    save_credentials(path, Credentials("https://other.example", tenant="theirs"))
    other = load_credentials(tmp_path, "https://other.example")
    assert other is not None
    assert other.tenant == "theirs"
    assert load_credentials(tmp_path, None) == full()
    assert load_credentials(tmp_path, URL) == full()


def test_no_credentials_are_no_error(tmp_path: Path) -> None:
    assert load_credentials(tmp_path, None) is None
    assert load_credentials(tmp_path, URL) is None


@pytest.mark.parametrize(
    "content",
    [
        "",
        "[]",
        "{}",
        '{"url": 7}',
        json.dumps({"url": URL, "log_vkey": "nonsense"}),
        json.dumps({"url": URL, "token_key": "%%%", "token_key_id": "t1"}),
        json.dumps({"url": URL, "token_key": "AAAA", "token_key_id": "t1"}),
        json.dumps({"url": URL, "token_key": TOKEN}),
        json.dumps({"url": URL, "token_key": TOKEN, "token_key_id": "no spaces"}),
    ],
)
def test_damaged_credentials_are_an_error_and_stay(tmp_path: Path, content: str) -> None:
    (tmp_path / "credentials.json").write_text(content)
    with pytest.raises(EnrolmentError, match=r"credentials\.json"):
        load_credentials(tmp_path, None)
    assert (tmp_path / "credentials.json").read_text() == content


def test_no_secret_is_ever_shown() -> None:
    shown = repr(full()) + str(full()) + repr(full().tokens)
    assert "ts_key" not in shown
    assert TOKEN not in shown
    assert "tttt" not in shown


def test_a_key_that_others_could_read_is_made_private_and_said(tmp_path: Path) -> None:
    path = tmp_path / "emitter.key"
    path.write_bytes(b"x")
    path.chmod(0o644)
    (text,) = private_file_warnings([path, tmp_path / "absent"])
    assert "0644" in text
    assert path.stat().st_mode & 0o777 == 0o600
    assert private_file_warnings([path]) == []


def test_a_key_that_cannot_be_made_private_is_said_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "emitter.key"
    path.write_bytes(b"x")
    path.chmod(0o640)

    def denied(*_: object, **__: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(Path, "chmod", denied)
    assert "cannot be made private" in private_file_warnings([path])[0]


def test_a_private_file_is_written_whole_or_not_at_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "secret"
    replace_private_file(path, b"old")

    def full_disk(fd: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full_disk)
    for write in (replace_private_file, create_private_file):
        with pytest.raises(OSError, match="space"):
            write(path, b"new")
    monkeypatch.undo()
    assert path.read_bytes() == b"old"
    assert [one.name for one in tmp_path.iterdir()] == ["secret"]


def test_a_file_that_cannot_take_its_place_leaves_no_rest(tmp_path: Path) -> None:
    (tmp_path / "place").mkdir()
    (tmp_path / "place" / "occupied").write_text("x")
    with pytest.raises(OSError, match="irectory"):
        replace_private_file(tmp_path / "place", b"new")
    assert [one.name for one in tmp_path.iterdir()] == ["place"]


def test_creating_does_not_replace(tmp_path: Path) -> None:
    create_private_file(tmp_path / "secret", b"first")
    create_private_file(tmp_path / "secret", b"second")
    assert (tmp_path / "secret").read_bytes() == b"first"
