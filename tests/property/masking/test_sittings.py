"""Within a sitting what comes back is masked once, and nothing comes out otherwise than without one."""

import json
import random
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from tallystick.masking import Masker, Sitting, default_policy
from tallystick.masking.policy import Limits
from tallystick.masking.rulesfile import parse_policy
from tests.corpus.carriers import carry
from tests.corpus.decoys import DOCUMENTS
from tests.corpus.locales import LOCALES
from tests.corpus.values import MAKERS_BY_TYPE

KEY = b"k" * 32
KEYS = ("gen_ai.tool.call.result", "input.value", "phone", "name", "password", "audit.hash")
seeds = st.integers(0, 10**9)


def drawn(draw: random.Random) -> Any:
    """Draw what a tool may return, a value of the corpus in every other one."""
    if draw.random() < 0.5:
        return draw.choice(DOCUMENTS)(draw)
    locale = LOCALES[draw.choice([*LOCALES])]
    value = MAKERS_BY_TYPE[draw.choice([*MAKERS_BY_TYPE])](draw, locale)
    return carry(draw, locale, value)[1].document


def requested(seed: int) -> list[dict[str, Any]]:
    """Draw the attributes of some spans, in which the same values stand again and again."""
    draw = random.Random(seed)
    values = [drawn(draw) for _ in range(4)]
    texts = [json.dumps(one, default=repr) for one in values] + ["long words " * 20, "x@y.example"]
    return [{key: draw.choice([*texts, *values]) for key in draw.sample(KEYS, 3)} for _ in range(8)]


@given(seeds, st.sampled_from([Limits(), Limits(400, 900, 60, 4), Limits(2_000, 4_000, 200, 9)]))
@settings(max_examples=60)
def test_a_sitting_changes_nothing_of_what_comes_out(seed: int, limits: Limits) -> None:
    spans, sitting = requested(seed), Sitting()
    alone = Masker(default_policy(), KEY, "k1").with_limits(limits)
    within = Masker(default_policy(), KEY, "k1").with_limits(limits)
    for span in spans:
        assert within.mask(span, sitting=sitting) == alone.mask(span)


@given(seeds)
@settings(max_examples=60)
def test_a_document_inside_a_text_is_what_masking_the_document_makes_of_it(seed: int) -> None:
    draw, sitting = random.Random(seed), Sitting()
    masker = Masker(default_policy(), KEY, "k1")
    text = json.dumps(drawn(draw), default=repr)
    masker.mask({"gen_ai.tool.call.result": text}, sitting=sitting)
    known = masker.masked_document(text, sitting)
    if known is not None:
        assert known == Masker(default_policy(), KEY, "k1").mask(json.loads(text))


def test_a_document_of_a_person_is_found_again_masked() -> None:
    masker, sitting, text = (
        Masker(default_policy(), KEY, "k1"),
        Sitting(),
        '{"to":"a.b@example.com"}',
    )
    masker.mask({"input.value": text}, sitting=sitting)
    known = masker.masked_document(text, sitting)
    assert known is not None
    assert known.hits == {"email": 1}
    assert "a.b@" not in json.dumps(known.value)
    assert masker.masked_document(text, Sitting()) is None


def test_what_was_masked_below_a_telling_key_is_not_given_for_the_bare_document() -> None:
    masker, sitting, text = Masker(default_policy(), KEY, "k1"), Sitting(), '{"a":"Ann Lee"}'
    masker.mask({"password": text, "customer": {"address": text}}, sitting=sitting)
    assert masker.masked_document(text, sitting) is None


def test_where_rules_for_places_decide_nothing_is_taken_over() -> None:
    rules = '[[masking.rule]]\npath = "$.note"\nmode = "redact"\nkind = "person"\n'
    masker, sitting, text = Masker(parse_policy(rules), KEY, "k1"), Sitting(), '{"note":"free"}'
    masker.mask({"input.value": text}, sitting=sitting)
    assert masker.masked_document(text, sitting) is None
