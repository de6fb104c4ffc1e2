"""Paths: names, places, wildcards and descendants, and nothing else."""

import pytest

from tallystick.masking.paths import START, Key, parse_path


def leads(path: str, *keys: Key) -> bool:
    parsed, positions = parse_path(path), START
    for key in keys:
        positions = parsed.advance(positions, key)
    return parsed.is_reached(positions)


@pytest.mark.parametrize(
    ("path", "keys"),
    [
        ("$", ()),
        ("$.a", ("a",)),
        ("$.a-b.c_d", ("a-b", "c_d")),
        ("$['a b']", ("a b",)),
        ('$["a.b"][0]', ("a.b", 0)),
        ("$.items[*].sku", ("items", 7, "sku")),
        ("$.*.x", ("any", "x")),
        ("$..x", ("x",)),
        ("$..x", ("a", 0, "b", "x")),
        ("$.a..x.y", ("a", "b", "x", "x", "y")),
        ("$..*", ("a", "b")),
        ("$.größe", ("größe",)),
    ],
)
def test_a_path_leads_to_its_values(path: str, keys: tuple[Key, ...]) -> None:
    assert leads(path, *keys)


@pytest.mark.parametrize(
    ("path", "keys"),
    [
        ("$.a", ("b",)),
        ("$.a", ("a", "b")),
        ("$[0]", ("0",)),
        ("$.0", (0,)),
        ("$.items[*].sku", ("items", "sku")),
        ("$..x", ("a", "y")),
        ("$", ("a",)),
    ],
)
def test_a_path_leads_nowhere_else(path: str, keys: tuple[Key, ...]) -> None:
    assert not leads(path, *keys)


@pytest.mark.parametrize(
    "text",
    ["", "a", ".a", "$a", "$.", "$..", "$[a]", "$['a", "$[1:2]", "$[?(@.x)]", "$" + ".a" * 33],
)
def test_what_is_no_path_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"path that begins with|at character"):
        parse_path(text)
