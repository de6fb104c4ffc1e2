"""tallystick.toml: what it says becomes the policy, and what does not fit is named by line and field."""

from pathlib import Path

import pytest

from tallystick.errors import ConfigError
from tallystick.masking import Masker, Mode, default_policy
from tallystick.masking.rulesfile import load_policy, parse_policy

FILE = """
[masking.modes]
ip = "redact"
phone = { mode = "keep", reason = "synthetic numbers" }

[masking.limits]
depth = 16

[[masking.rule]]
tool = "crm_*"
field = "result"
path = "$.customer.notes"
mode = "withhold"

[[masking.rule]]
path = "$..salary"
mode = "token"
kind = "national_id"

[[masking.allow]]
tool = "payments_*"
paths = ["$.status", "$.items[*].sku"]
"""


def test_a_file_becomes_a_policy() -> None:
    policy = parse_policy(FILE)
    assert policy.mode("ip") is Mode.REDACT
    assert policy.mode("phone") is Mode.KEEP
    assert policy.mode("card") is default_policy().mode("card")
    assert policy.limits.depth == 16
    assert [(one.tool, one.field, one.path.text, one.mode) for one in policy.rules] == [
        ("crm_*", "result", "$.customer.notes", Mode.WITHHOLD),
        ("*", "*", "$..salary", Mode.TOKEN),
    ]
    assert [path.text for path in policy.allow[0].paths] == ["$.status", "$.items[*].sku"]
    shown = Masker(policy).mask({"customer": {"notes": "x", "salary": 1}}, "crm_a", "result").value
    assert shown == {"customer": {"notes": "[withheld]", "salary": "[national_id]"}}


def test_an_empty_file_is_the_default_policy() -> None:
    assert parse_policy("").digest == default_policy().digest
    assert parse_policy(FILE).digest == parse_policy(FILE + "\n# a comment\n").digest


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("[masking.modes]\n\nip = 'drop'", "line 3: masking.modes.ip: expected one of redact, "),
        (
            "[masking.modes]\ncolour = 'redact'",
            "line 2: masking.modes.colour: expected one of card",
        ),
        ("[masking.modes]\nip = 'keep'", "line 2: masking.modes.ip: .*without a reason"),
        ("[masking.modes]\nsecret = 'token'", "line 2: masking.modes.secret: .*use redact"),
        ("[masking.limits]\ndepth = 'x'", "line 2: masking.limits.depth: expected a whole number"),
        ("[masking.limits]\ndepth = true", "line 2: masking.limits.depth: expected a whole number"),
        ("\n[[masking.rule]]\nmode = 'redact'", "line 2: masking.rule.path: expected text"),
        (
            "[[masking.rule]]\npath = '$.a'\nmode = 'redact'\n\n[[masking.rule]]\npath = 'a'\nmode = 'token'",
            "line 6: masking.rule.path: expected a path that begins with",
        ),
        (
            "[[masking.rule]]\npath = '$.a[x]'\nmode = 'redact'",
            "line 2: masking.rule.path: expected at character 4 one of",
        ),
        (
            "[[masking.rule]]\npath = '$'\nmode = 'keep'",
            "line 3: masking.rule.mode: .*without a reason",
        ),
        (
            "[[masking.rule]]\npath = '$'\nmode = 'redact'\ntools = 'x'",
            "line 4: masking.rule.tools: expected one of tool, field",
        ),
        (
            "[[masking.rule]]\npath = '$'\nmode = 'redact'\ntool = ' '",
            "line 4: masking.rule.tool: expected the name of a tool",
        ),
        (
            "[[masking.rule]]\npath = '$'\nmode = 'redact'\nfield = 'x'",
            "line 4: masking.rule.field: expected one of params",
        ),
        ("[[masking.allow]]\npaths = '$.a'", "line 2: masking.allow.paths: expected a list"),
        ("[[masking.allow]]\npaths = ['$.a', 'b']", "line 2: masking.allow.paths: expected in 'b'"),
        ("[masking]\nrule = 3", "expected \\[\\[masking.rule\\]\\]"),
        ("[masking.rule]\npath = '$'", "expected \\[\\[masking.rule\\]\\]"),
        ("[[masking.modes]]\nip = 'redact'", "expected \\[masking.modes\\]"),
        ("[masking]\nrules = 3", "line 2: masking.rules: expected one of modes, limits"),
        ("[mask]\nx = 1", "line 1: mask: expected one of masking"),
        ("masking = 3", "masking: expected a table"),
        ("[masking.modes\n", "line 1"),
    ],
)
def test_what_does_not_fit_is_named_by_line_and_field(text: str, complaint: str) -> None:
    with pytest.raises(ConfigError, match=f"tallystick.toml.*{complaint}"):
        parse_policy(text)


def test_a_file_that_cannot_be_read_is_an_error_and_not_the_default(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot read the masking rules"):
        load_policy(tmp_path / "none.toml")
    (tmp_path / "latin.toml").write_bytes(b"# \xe9")
    with pytest.raises(ConfigError, match="expected UTF-8"):
        load_policy(tmp_path / "latin.toml")
    (tmp_path / "large.toml").write_bytes(b"#" * 1_048_577)
    with pytest.raises(ConfigError, match="at most 1048576 bytes"):
        load_policy(tmp_path / "large.toml")
    (tmp_path / "rules.toml").write_text(FILE)
    assert load_policy(tmp_path / "rules.toml") == parse_policy(FILE)


def test_the_file_of_the_documentation_is_one() -> None:
    page = Path(__file__).parents[3] / "docs" / "masking.md"
    text = page.read_text(encoding="utf-8").partition("```toml\n")[2].partition("```")[0]
    policy = parse_policy(text)
    assert policy.mode("card") is Mode.PARTIAL
    assert [one.tool for one in policy.rules] == ["crm_*", "*"]
    assert len(policy.allow) == 1
