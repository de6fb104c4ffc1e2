"""The JSON canonicalisation vectors: equal where they are inside our profile, refused elsewhere."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tallystick.errors import RecordError
from tallystick.profile import check, decode, encode
from tests import vectors
from tests.requirements import requirement

INSIDE = {"arrays.json", "unicode.json"}
OUTSIDE = {"french.json", "structures.json", "values.json", "weird.json"}
"""Keys outside ASCII, or floats."""


@requirement("record.one-form")
@pytest.mark.parametrize("given", vectors.files("jcs/input/*.json"), ids=lambda path: path.name)
def test_a_canonicalisation_vector_is_equal_or_refused(
    given: Path, record_property: Callable[[str, object], None]
) -> None:
    record_property(vectors.PROPERTY, 1)
    value = json.loads(given.read_text(encoding="utf-8"))
    expected = (given.parents[1] / "output" / given.name).read_bytes()
    assert given.name in INSIDE | OUTSIDE
    if given.name in INSIDE:
        assert encode(value) == expected
        assert decode(expected) == value
    else:
        with pytest.raises(RecordError):
            check(value)
