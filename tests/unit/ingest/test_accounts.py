"""Accounts: names and roles in the clear, passwords as scrypt hashes, one file for all processes."""

import hashlib
import json
import stat
from base64 import b64decode
from pathlib import Path

import pytest

from tallystick.errors import ConfigError
from tallystick_ingest.auth.accounts import AccountBook
from tallystick_ingest.auth.passwords import (
    COST,
    MIN_PASSWORD_CHARS,
    Cost,
    generate_password,
    hash_password,
    is_password,
    nobodys_password,
)
from tallystick_ingest.own_secrets import ACCOUNTS_FILE
from tests.stores import START_US, Clock

CHEAP = Cost(n=2, p=1)
WORDS = "four words make one"


@pytest.fixture
def book(tmp_path: Path) -> AccountBook:
    return AccountBook(tmp_path, Clock(), CHEAP)


def test_a_password_is_kept_as_the_published_function_of_salt_and_cost() -> None:
    kept = hash_password(WORDS)
    assert kept.cost == COST
    again = hashlib.scrypt(
        WORDS.encode(), salt=b64decode(kept.salt), n=1 << 15, r=8, p=3, maxmem=1 << 26, dklen=32
    )
    assert b64decode(kept.hash) == again
    assert hash_password(WORDS, CHEAP).salt != hash_password(WORDS, CHEAP).salt


@pytest.mark.parametrize(
    ("text", "fits"),
    [(WORDS, True), (WORDS + " ", False), (WORDS.upper(), False), ("", False), ("\ud800", False)],
)
def test_one_password_fits(text: str, *, fits: bool) -> None:
    assert is_password(text, hash_password(WORDS, CHEAP)) is fits


def test_two_spellings_that_look_the_same_are_one_password() -> None:
    composed, apart = "long enough caf\u00e9", "long enough cafe\u0301"
    assert is_password(apart, hash_password(composed, CHEAP))


def test_nobodys_password_fits_nothing() -> None:
    nobody = nobodys_password(CHEAP)
    assert [text for text in ("", WORDS, "None") if is_password(text, nobody)] == []


@pytest.mark.parametrize("text", ["", "x" * (MIN_PASSWORD_CHARS - 1), "x" * 257])
def test_a_password_that_is_too_short_or_too_long_is_refused_and_not_repeated(text: str) -> None:
    with pytest.raises(ConfigError, match="15 to 256 characters") as refused:
        hash_password(text)
    assert not text or text not in str(refused.value)


def test_generated_passwords_may_be_passwords_and_differ() -> None:
    made = {generate_password() for _ in range(10)}
    assert len(made) == 10
    assert min(map(len, made)) >= MIN_PASSWORD_CHARS


def test_an_account_is_kept_privately_and_without_its_password(
    book: AccountBook, tmp_path: Path
) -> None:
    account = book.add("ada", "auditor", WORDS)
    assert (account.scopes, account.created_us) == (("read", "payload", "export", "sql"), START_US)
    file = tmp_path / ACCOUNTS_FILE
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert WORDS not in file.read_text()
    assert WORDS not in repr(account)
    assert AccountBook(tmp_path, Clock()).named("ada") == account


def test_another_process_sees_every_change_at_once(book: AccountBook, tmp_path: Path) -> None:
    other = AccountBook(tmp_path, Clock(), CHEAP)
    ada = other.add("ada", "viewer", WORDS)
    assert book.named("ada") == book.with_id(ada.id) == ada
    bob = book.add("bob", "admin", WORDS)
    assert other.accounts == (ada, bob)
    other.remove("ada")
    assert (book.named("ada"), book.accounts) == (None, (bob,))
    (tmp_path / ACCOUNTS_FILE).unlink()
    assert book.accounts == ()


@pytest.mark.parametrize(
    ("name", "role", "password", "said"),
    [
        ("ada", "viewer", WORDS, "already"),
        ("", "viewer", WORDS, "printable"),
        ("x" * 65, "viewer", WORDS, "printable"),
        ("a\x1b[2J", "viewer", WORDS, "printable"),
        ("bob", "root", WORDS, "viewer, developer, security"),
        ("bob", "viewer", "short", "15 to 256"),
    ],
)
def test_an_account_that_cannot_be_is_refused(
    book: AccountBook, name: str, role: str, password: str, said: str
) -> None:
    book.add("ada", "viewer", WORDS)
    with pytest.raises(ConfigError, match=said):
        book.add(name, role, password)
    assert [one.name for one in book.accounts] == ["ada"]


def test_removing_somebody_who_is_not_there_says_who_is(book: AccountBook) -> None:
    book.add("ada", "viewer", WORDS)
    with pytest.raises(ConfigError, match="there are ada"):
        book.remove("bob")


DAMAGED = {"id": "a", "name": "ada", "role": "root", "created_us": 1}
HASH = {"salt": "", "hash": "", "cost": {"n": 2, "r": 8, "p": 1}}


@pytest.mark.parametrize(
    "content",
    [
        "",
        "[]",
        "{}",
        '{"accounts":[1]}',
        json.dumps({"accounts": [{**DAMAGED, "password": HASH}]}),
        json.dumps({"accounts": [{**DAMAGED, "role": "admin", "password": {}}]}),
    ],
)
def test_a_damaged_file_is_named_and_never_replaced(tmp_path: Path, content: str) -> None:
    (tmp_path / ACCOUNTS_FILE).write_text(content)
    with pytest.raises(ConfigError, match="does not hold accounts"):
        AccountBook(tmp_path, Clock())
    assert (tmp_path / ACCOUNTS_FILE).read_text() == content
