"""`tallystick mask`: says what would be masked and why, shows none of it, and tells by its exit code."""

import io
import json
from pathlib import Path

import pytest

from tallystick.cli import main
from tallystick.masking import Masker, default_policy
from tallystick.masking.explain import BY_LIMIT, NOT_ALLOWED, explain
from tallystick.masking.rulesfile import parse_policy

DOCUMENT = {
    "customer": {"name": "Jane Doe", "mail": "jane@example.com", "n": 3},
    "text": json.dumps({"password": "hunter22", "rows": ["call 07700 900123", "fine"]}),
    "jane@example.com": True,
}
RAW = ("Jane", "jane", "hunter22", "07700", "900123")


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TALLYSTICK_HOME", str(tmp_path / "home"))
    return tmp_path


def mask(path: Path, *options: str) -> int:
    return main(["mask", str(path), *options])


def test_each_place_is_named_with_its_kind_and_the_reason(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (home / "a.json").write_text(json.dumps(DOCUMENT))
    assert mask(home / "a.json") == 1
    *rows, total = capsys.readouterr().out.splitlines()
    assert [row.split(maxsplit=2) for row in rows] == [
        ["$.customer.name", "person", "the key 'name' names it"],
        ["$.customer.mail", "email", "its form shows it"],
        ["$.text.password", "secret", "the key 'password' names it"],
        ["$.text.rows[0]", "phone", "its form shows it"],
        ["$['[email]']", "email", "its form shows it, in the key itself"],
    ]
    assert total == f"email 2, person 1, phone 1, secret 1; policy {default_policy().digest}"


@pytest.mark.parametrize("form", ["json", "lines", "text"])
def test_nothing_of_what_it_finds_is_printed(
    form: str, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    forms = {
        "json": json.dumps(DOCUMENT, indent=1),
        "lines": f"{json.dumps(DOCUMENT)}\n\n{json.dumps([DOCUMENT])}\n",
        "text": f"dear Sir,\n{DOCUMENT['text']} jane@example.com\npassword=hunter22\n",
    }
    (home / "a").write_text(forms[form])
    assert mask(home / "a", "--masked") == 1
    shown = capsys.readouterr()
    assert not [raw for raw in RAW if raw in shown.out + shown.err]
    assert "secret" in shown.err
    assert "[secret]" in shown.out


def test_lines_are_numbered(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (home / "a.log").write_text("fine\nfrom jane@example.com\n[email] was masked before\n")
    assert mask(home / "a.log") == 1
    assert capsys.readouterr().out.splitlines()[0].startswith("line 2  email")
    (home / "a.jsonl").write_text('{"a": 1}\n{"b": "jane@example.com"}\n')
    assert mask(home / "a.jsonl") == 1
    assert capsys.readouterr().out.startswith("line 2 $.b  email")


def test_the_exit_code_tells_clean_from_found_from_unreadable(
    home: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (home / "clean.json").write_text('{"order": 7, "note": "[email] was here"}')
    assert mask(home / "clean.json") == 0
    assert capsys.readouterr().out.startswith("nothing to mask; policy ")
    assert mask(home / "none") == 2
    (home / "latin").write_bytes(b"\xe9")
    assert mask(home / "latin") == 2
    (home / "bad.toml").write_text("[masking.modes]\nip = 3\n")
    assert mask(home / "clean.json", "--rules", str(home / "bad.toml")) == 2
    errors = capsys.readouterr().err
    assert "No such file" in errors
    assert "expected UTF-8" in errors
    assert "line 2: masking.modes.ip" in errors
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"from jane@example.com")))
    assert main(["mask", "-"]) == 1


def test_rules_can_be_tried_out_for_a_tool(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rules = home / "rules.toml"
    rules.write_text(
        '[[masking.rule]]\ntool = "crm"\npath = "$.tier"\nmode = "redact"\n'
        '[[masking.rule]]\ntool = "crm"\npath = "$.shop"\nmode = "keep"\nreason = "public"\n'
        '[[masking.allow]]\ntool = "pay"\npaths = ["$.tier"]\n'
    )
    (home / "a.json").write_text('{"tier": "gold", "shop": "shop@example.com", "x": [1]}')
    assert mask(home / "a.json", "--rules", str(rules), "--tool", "crm") == 1
    crm = capsys.readouterr().out
    assert "the rule for $.tier of crm says redact" in crm
    assert "the rule for $.shop of crm says keep: public" in crm
    assert mask(home / "a.json", "--rules", str(rules), "--tool", "pay", "--masked") == 1
    shown = capsys.readouterr()
    assert json.loads(shown.out) == {"tier": "gold", "shop": "[withheld]", "x": "[withheld]"}
    assert shown.err.count(NOT_ALLOWED) == 2


def test_what_no_rule_can_go_through_is_one_finding() -> None:
    ring: dict[str, object] = {}
    ring["a"] = ring
    policy = parse_policy("[[masking.rule]]\npath = '$..x'\nmode = 'redact'")
    assert [one.why for one in explain(Masker(policy), ring)] == [BY_LIMIT]
    assert [one.place for one in explain(Masker(default_policy()), ring)] == ["$.a"]
