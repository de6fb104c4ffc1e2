"""The canonical form of a call: RFC 8785 for every value, however it is printed, and stable over the wire."""

import json

from hypothesis import given
from hypothesis import strategies as st

from tallystick.capture.definition import jcs
from tallystick.capture.receipt import canonical_call

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=12,
)


@given(TEXTS, st.dictionaries(TEXTS, VALUES, max_size=4))
def test_it_is_the_form_of_rfc_8785_whichever_printer_made_it(
    name: str, arguments: dict[str, object]
) -> None:
    expected = jcs({"name": name, "arguments": arguments})
    assert canonical_call({"name": name, "arguments": arguments}) == expected


@given(st.dictionaries(TEXTS, VALUES, max_size=4))
def test_it_is_the_same_after_the_call_went_over_the_wire(arguments: dict[str, object]) -> None:
    sent = {"name": "tool", "arguments": arguments}
    for text in (json.dumps(sent), json.dumps(sent, ensure_ascii=False, indent=1)):
        assert canonical_call(json.loads(text)) == canonical_call(sent)
    printed = canonical_call(sent)
    assert printed is not None
    assert canonical_call(json.loads(printed)) == printed
