"""The difference of two definitions: members, lines, and what cannot be compared."""

from tallystick_ingest.definition_diff import (
    MAX_CHARS,
    MAX_LINES,
    ONLY_MASKED,
    TOO_LONG,
    MemberDiff,
    diff_of,
    differing,
    read_offered,
)

BEFORE = {"name": "add", "description": "Adds.\nFast.", "inputSchema": {"a": 1, "b": 2}}
AFTER = {
    "name": "add",
    "description": "Adds.\nSlow.",
    "inputSchema": {"b": 2, "a": 1},
    "title": "x",
}


def test_members_that_differ_are_named_in_the_order_of_the_definition() -> None:
    assert differing(BEFORE, AFTER) == ("title", "description")
    assert differing(BEFORE, BEFORE) == ()


def test_the_lines_of_a_text_and_of_a_value_are_compared() -> None:
    title, description = diff_of(BEFORE, AFTER, ("title", "description"))
    assert title == MemberDiff("title", ("@@ -0,0 +1 @@", "+x"))
    assert description.lines == ("@@ -1,2 +1,2 @@", " Adds.", "-Fast.", "+Slow.")
    [schema] = diff_of({"inputSchema": {"a": 1}}, {"inputSchema": {"a": 2}}, ("inputSchema",))
    assert '-  "a": 1' in schema.lines
    assert '+  "a": 2' in schema.lines


def test_a_change_that_masking_hides_says_so() -> None:
    assert diff_of(BEFORE, BEFORE, ("description",)) == (
        MemberDiff("description", (f" {ONLY_MASKED}",)),
    )


def test_what_is_too_long_is_not_compared() -> None:
    for long in ("a\n" * (MAX_LINES + 1), "a" * (MAX_CHARS + 1)):
        [found] = diff_of({"description": "a"}, {"description": long}, ("description",))
        assert found.lines == (f" {TOO_LONG}",)
    [fits] = diff_of(
        {"description": "a"}, {"description": "a\n" * (MAX_LINES - 1)}, ("description",)
    )
    assert fits.lines[0].startswith("@@")


def test_a_definition_that_is_not_kept_is_none() -> None:
    assert read_offered('{"name":"x"}') == {"name": "x"}
    for text in (None, "", "{", "[]", '"[withheld]"'):
        assert read_offered(text) is None
