"""Credentials: only digests are kept, scopes hold, the admin link works once."""

import json
import stat
from collections.abc import Mapping
from pathlib import Path

import pytest

from tallystick.errors import AuthenticationError, AuthorizationError, ConfigError, StoreError
from tallystick_ingest.auth.accounts import AccountBook
from tallystick_ingest.auth.admin import COOKIE, AdminDoor
from tallystick_ingest.auth.api_keys import KEY_PREFIX, LOCAL_SCOPES, SCOPES, KeyRing, NewKey
from tallystick_ingest.auth.gate import ADMINISTRATOR, Gate
from tallystick_ingest.auth.passwords import Cost
from tallystick_ingest.auth.sessions import SESSION_PREFIX, SessionBook
from tallystick_store.reach import Reach
from tests.requirements import requirement
from tests.stores import START_US, Clock


@pytest.fixture
def ring(tmp_path: Path) -> KeyRing:
    return KeyRing(tmp_path / "api-keys.json", Clock())


@pytest.fixture
def door(tmp_path: Path) -> AdminDoor:
    return AdminDoor(tmp_path / "admin.json")


@pytest.fixture
def sessions(tmp_path: Path) -> SessionBook:
    return SessionBook(tmp_path / "sessions.json", Clock())


@pytest.fixture
def accounts(tmp_path: Path) -> AccountBook:
    return AccountBook(tmp_path, Clock(), Cost(n=2, p=1))


@pytest.fixture
def gate(ring: KeyRing, sessions: SessionBook, accounts: AccountBook) -> Gate:
    return Gate(ring, sessions, accounts, Clock())


@requirement("auth.from-the-first-start")
def test_a_key_is_found_by_its_text_and_kept_as_a_digest_alone(
    ring: KeyRing, tmp_path: Path
) -> None:
    key, text = ring.create("ci", ["read", "ingest"])
    assert text.startswith(KEY_PREFIX)
    assert len(text) > 50
    assert ring.find(text) == key
    assert key.scopes == ("ingest", "read")
    file = tmp_path / "api-keys.json"
    assert text not in file.read_text()
    assert text.removeprefix(KEY_PREFIX) not in file.read_text()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_keys_survive_a_restart_and_differ(ring: KeyRing, tmp_path: Path) -> None:
    made = [ring.create(f"k{number}", LOCAL_SCOPES) for number in range(5)]
    again = KeyRing(tmp_path / "api-keys.json", Clock())
    assert [again.find(text) for _, text in made] == [key for key, _ in made]
    assert len({key.id for key, _ in made} | {text for _, text in made}) == 10
    assert again.keys[0].created_us == START_US


@pytest.mark.parametrize("text", ["", "x", KEY_PREFIX, "ключ", "a" * 10_000, "\ud800"])
def test_another_text_is_no_key(ring: KeyRing, text: str) -> None:
    ring.create("ci", ["read"])
    assert ring.find(text) is None


@pytest.mark.parametrize(
    ("name", "scopes"),
    [("k", []), ("k", ["root"]), ("", ["read"]), ("x" * 65, ["read"]), ("a\nb", ["read"])],
)
def test_a_key_needs_a_name_and_known_scopes(ring: KeyRing, name: str, scopes: list[str]) -> None:
    with pytest.raises(ConfigError):
        ring.create(name, scopes)
    assert ring.keys == ()


@pytest.mark.parametrize("content", ["", "{}", "[]", '{"keys":[{}]}', '{"keys":[{"id":1}]}'])
def test_a_damaged_key_file_is_named_and_never_replaced(tmp_path: Path, content: str) -> None:
    file = tmp_path / "api-keys.json"
    file.write_text(content)
    with pytest.raises(ConfigError, match="does not hold API keys"):
        KeyRing(file, Clock())
    assert file.read_text() == content


@requirement("auth.keys")
def test_a_key_opens_until_its_time_is_over(tmp_path: Path) -> None:
    clock = Clock()
    ring = KeyRing(tmp_path / "api-keys.json", clock)
    gate = Gate(ring, SessionBook(tmp_path / "s.json", clock), AccountBook(tmp_path, clock), clock)
    _, text = ring.add(NewKey("ci", ("read",), expires_us=START_US + 10))
    headers = {"authorization": f"Bearer {text}"}
    clock.now_us = START_US + 9
    assert gate.caller(headers).name == "ci"
    clock.now_us = START_US + 10
    with pytest.raises(AuthenticationError, match="has expired"):
        gate.caller(headers)


@requirement("auth.keys")
def test_a_key_keeps_its_reach_and_its_last_day_over_a_restart(tmp_path: Path) -> None:
    ring = KeyRing(tmp_path / "api-keys.json", Clock())
    reach = Reach(agents=("buyer*",), tools=("search",))
    key, text = ring.add(NewKey("ci", ("read",), reach))
    assert KeyRing(tmp_path / "api-keys.json", Clock()).keys == (key,)
    assert ring.find(text) == key
    ring.keep_used()
    [again] = KeyRing(tmp_path / "api-keys.json", Clock()).keys
    assert (again.reach, again.used_on) == (reach, "2026-12-02")


@requirement("auth.keys")
def test_a_revoked_key_is_not_found_and_stays_listed(ring: KeyRing, tmp_path: Path) -> None:
    key, text = ring.create("ci", ["read"])
    _, other = ring.create("other", ["read"])
    revoked = ring.revoke(key.id)
    assert revoked is not None
    assert ring.revoke(key.id) == revoked
    assert ring.revoke("key-00000000") is None
    for kept in (ring, KeyRing(tmp_path / "api-keys.json", Clock())):
        assert kept.find(text) is None
        assert kept.find(other) is not None
        assert [one.revoked_us for one in kept.keys] == [START_US, None]


@requirement("auth.keys")
@pytest.mark.parametrize(
    "damage",
    [
        {"scopes": ["read", "root"]},
        {"scopes": []},
        {"reach": {"agents": "buyer"}},
        {"reach": {"persons": ["x"]}},
        {"expires_us": "never"},
        {"further": 1},
    ],
    ids=str,
)
def test_a_key_file_that_says_something_else_is_damage_and_no_wider_key(
    ring: KeyRing, tmp_path: Path, damage: dict[str, object]
) -> None:
    ring.create("ci", ["read"])
    file = tmp_path / "api-keys.json"
    kept = json.loads(file.read_text())
    kept["keys"][0] |= damage
    file.write_text(json.dumps(kept))
    with pytest.raises(ConfigError, match="does not hold API keys"):
        KeyRing(file, Clock())


@requirement("auth.from-the-first-start")
def test_the_admin_link_works_once(door: AdminDoor) -> None:
    token = door.new_link_token()
    with pytest.raises(AuthenticationError):
        door.claim("guess")
    door.claim(token)
    with pytest.raises(AuthenticationError, match="works once"):
        door.claim(token)


def test_without_a_link_nothing_can_be_claimed(door: AdminDoor) -> None:
    with pytest.raises(AuthenticationError):
        door.claim("")


def test_a_new_link_voids_the_older_one(door: AdminDoor) -> None:
    old = door.new_link_token()
    new = door.new_link_token()
    with pytest.raises(AuthenticationError):
        door.claim(old)
    door.claim(new)


def test_a_link_survives_a_restart_once_and_is_kept_as_a_digest(tmp_path: Path) -> None:
    token = AdminDoor(tmp_path / "admin.json").new_link_token()
    assert token not in (tmp_path / "admin.json").read_text()
    AdminDoor(tmp_path / "admin.json").claim(token)
    with pytest.raises(AuthenticationError):
        AdminDoor(tmp_path / "admin.json").claim(token)


@pytest.mark.parametrize("content", ["x", "{}", "[]", '{"claim_sha256":7}'])
def test_a_damaged_admin_file_is_named(tmp_path: Path, content: str) -> None:
    (tmp_path / "admin.json").write_text(content)
    with pytest.raises(ConfigError, match="--admin-link"):
        AdminDoor(tmp_path / "admin.json")


@requirement("auth.from-the-first-start")
@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"authorization": ""},
        {"authorization": "Bearer"},
        {"authorization": "Bearer "},
        {"authorization": "Bearer wrong"},
        {"authorization": f"Bearer {SESSION_PREFIX}wrong"},
        {"authorization": f"Bearer {SESSION_PREFIX}"},
        {"authorization": "Basic dXNlcjpwYXNz"},
        {"authorization": "Bearer one, Bearer two"},
        {"authorization": "Bearer one two"},
        {"cookie": f"{COOKIE}=wrong"},
        {"cookie": "\x00=;;;"},
        {"cookie": COOKIE},
    ],
)
def test_nobody_passes_the_gate_without_a_credential(
    ring: KeyRing, gate: Gate, headers: Mapping[str, str]
) -> None:
    ring.create("ci", ["read"])
    with pytest.raises(AuthenticationError) as refused:
        gate.caller(headers)
    assert "wrong" not in str(refused.value)


def test_a_key_passes_with_its_scopes_alone(ring: KeyRing, gate: Gate) -> None:
    key, text = ring.create("ci", ["read"])
    for scheme in ("Bearer", "bearer", "BEARER"):
        caller = gate.caller({"authorization": f"{scheme} {text}"})
        assert (caller.id, caller.name, caller.is_human) == (key.id, "ci", False)
    caller.require("read")
    with pytest.raises(AuthorizationError, match="'export' is needed"):
        caller.require("export")


def test_a_wrong_key_is_not_saved_by_a_good_cookie(gate: Gate, sessions: SessionBook) -> None:
    cookie, _ = sessions.start(ADMINISTRATOR.id)
    headers = {"authorization": "Bearer wrong", "cookie": f"{COOKIE}={cookie}"}
    with pytest.raises(AuthenticationError):
        gate.caller(headers)


@pytest.mark.parametrize(
    ("origin", "passes"),
    [
        (None, True),
        ("http://127.0.0.1:4318", True),
        ("http://127.0.0.1:9999", False),
        ("https://evil.example", False),
        ("null", False),
    ],
)
def test_a_cookie_counts_only_for_pages_of_ours(
    gate: Gate, sessions: SessionBook, origin: str | None, *, passes: bool
) -> None:
    cookie, _ = sessions.start(ADMINISTRATOR.id)
    headers = {"cookie": f"a=b; {COOKIE}={cookie}", "host": "127.0.0.1:4318"}
    headers |= {"origin": origin} if origin else {}
    if passes:
        assert gate.caller(headers).is_human
        gate.caller(headers).require("admin")
    else:
        with pytest.raises(AuthenticationError):
            gate.caller(headers)


@pytest.mark.parametrize(
    ("role", "scopes"),
    [
        ("viewer", ("read",)),
        ("developer", ("read", "payload")),
        ("security", ("read", "payload", "reveal", "export", "sql")),
        ("compliance", ("read", "payload", "export", "retain", "delete.request")),
        ("auditor", ("read", "payload", "export", "sql")),
        ("admin", SCOPES),
    ],
)
def test_a_session_may_do_what_the_role_of_its_account_may(
    gate: Gate, sessions: SessionBook, accounts: AccountBook, role: str, scopes: tuple[str, ...]
) -> None:
    account = accounts.add("ada", role, "a long enough word")
    token, _ = sessions.start(account.id)
    caller = gate.caller({"authorization": f"Bearer {token}"})
    assert (caller.id, caller.name, caller.role) == (account.id, "ada", role)
    assert caller.scopes == scopes
    assert caller.is_human


def test_the_session_of_a_removed_account_is_ended_for_good(
    gate: Gate, sessions: SessionBook, accounts: AccountBook, tmp_path: Path
) -> None:
    token, _ = sessions.start(accounts.add("ada", "admin", "a long enough word").id)
    AccountBook(tmp_path, Clock()).remove("ada")  # as another process does
    with pytest.raises(AuthenticationError, match="has ended"):
        gate.caller({"authorization": f"Bearer {token}"})
    accounts.add("ada", "viewer", "a long enough word")
    assert sessions.find(token) is None


def test_accounts_that_cannot_be_read_close_their_own_sessions_alone(
    gate: Gate, ring: KeyRing, sessions: SessionBook, accounts: AccountBook, tmp_path: Path
) -> None:
    token, _ = sessions.start(accounts.add("ada", "admin", "a long enough word").id)
    link, _ = sessions.start(ADMINISTRATOR.id)
    _, key = ring.create("ci", ["read"])
    (tmp_path / "accounts.json").write_text("{")
    with pytest.raises(StoreError):
        gate.caller({"authorization": f"Bearer {token}"})
    assert gate.caller({"authorization": f"Bearer {link}"}) == ADMINISTRATOR
    assert gate.caller({"authorization": f"Bearer {key}"}).scopes == ("read",)


def test_nothing_secret_stands_in_a_shown_key(ring: KeyRing) -> None:
    key, text = ring.create("ci", ["read"])
    assert text not in repr(key)
    assert text not in json.dumps(key.scopes)
