"""Text in a definition that talks to the model instead of describing a tool.

Published attacks (tool poisoning, shadowing, line jumping) use few shapes of sentences: they override, hide
from the user, fetch a secret, smuggle it through a parameter or to an address, or rule over other tools
(`phrases`). They are looked for in what a model understands: invisible characters, look-alike letters, tags and
emphasis do not hide them. A definition without findings is not thereby safe.
"""

import re
from collections import Counter
from functools import cache
from typing import Final

from tallystick.tooldef.hidden import visible
from tallystick.tooldef.phrases import HINTS, PATTERNS

BLOB: Final = "encoded_text"

_RUN: Final = re.compile(
    r"[A-Za-z0-9+/_-]{96,}={0,2}|(?:[0-9a-fA-F]{2}){80,}|(?:\\x[0-9a-fA-F]{2}){16,}"
)
_KINDS_OF_CHARS: Final = (re.compile("[a-z]"), re.compile("[A-Z]"), re.compile("[0-9]"))
_BLANK: Final = re.compile(r"[^\S\n]+")
_EMPHASIS: Final = re.compile(r"[*`]{1,3}|(?<!\w)_{1,3}|_{1,3}(?!\w)")


def instructions_in(text: str) -> Counter[str]:
    """Count what in a text talks to the model, by kind: how many phrases."""
    found: Counter[str] = Counter()
    if len(text) < _SHORTEST:
        return found
    found[BLOB] = sum(1 for run in _RUN.findall(text) if _is_encoded(run))
    read = _flat(visible(text).lower())
    if any(mark in read for mark in _PHRASED):
        for form in {read, _EMPHASIS.sub("", read)}:
            for kind in _likely(form):
                count = sum(1 for one in _family(kind) for _ in one.finditer(form))
                found[kind] = max(found[kind], count)
    return +found


@cache
def _family(kind: str) -> tuple[re.Pattern[str], ...]:
    """Compile each pattern by itself: an alternation is four times as slow, and few are ever needed."""
    return tuple(map(re.compile, PATTERNS[kind]))


def _likely(text: str) -> list[str]:
    return [kind for kind, hints in HINTS.items() if any(hint in text for hint in hints)]


def _flat(text: str) -> str:
    """Put each paragraph on one line: a phrase may be broken anywhere."""
    return _BLANK.sub(" ", text.replace("\r", "").replace("\n", " ") if "\n#" not in text else text)


def _is_encoded(run: str) -> bool:
    """Tell encoded bytes from a long name or a path: they use every kind of character."""
    if len(set(run)) < _LEAST_VARIETY:
        return False
    if run.startswith("\\x") or re.fullmatch("[0-9a-fA-F]+", run):
        return True
    return (
        all(kind.search(run) for kind in _KINDS_OF_CHARS)
        and run.count("/") + run.count("-") < len(run) // 12
    )


_SHORTEST: Final = 10
_PHRASED: Final = (" ", "<", "](")
"""A phrase has a blank, unless it is markup: names and numbers are not searched."""
_LEAST_VARIETY: Final = 8
