"""Blocks of a panel: facts, code, steps and notes, as the panel component takes them.

Values are texts of strangers; the component shows them as text and nothing else.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import orjson

from tallystick_dashboard.trace.proof import Step

Block = dict[str, Any]
Fact = dict[str, Any]

MAX_CODE_CHARS: Final = 20_000
"""More of a value is not shown on a page; an export holds all of it."""


def facts(title: str, rows: Iterable[Fact | None]) -> list[Block]:
    """Return a list of facts, or no block where there is none."""
    found = [row for row in rows if row is not None]
    return [{"type": "facts", "title": title, "rows": found}] if found else []


def fact(
    label: str, value: object, hint: str = "", *, code: bool = False, tone: str = ""
) -> Fact | None:
    """Return one fact; None for a value that is absent."""
    if value is None or value == "":
        return None
    text = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
    return {"label": label, "value": text, "hint": hint, "code": code, "tone": tone}


def absent(label: str, why: str) -> Fact:
    """Return a fact that is not known, and why."""
    return {"label": label, "value": why, "hint": "", "code": False, "tone": "absent"}


def note(text: str, tone: str = "") -> list[Block]:
    """Return a sentence."""
    return [{"type": "note", "text": text, "tone": tone}]


def code(title: str, text: str) -> list[Block]:
    """Return a text in fixed width, with what masking put into it marked."""
    more = len(text) - MAX_CODE_CHARS
    shown = text[:MAX_CODE_CHARS]
    rest = f"{more:,} more characters are not shown here" if more > 0 else ""
    return [{"type": "code", "title": title, "text": shown, "rest": rest}]


def blob(text: str, sha256: str) -> list[Block]:
    """Return a link to a value that is too large for its record, by the digest of its bytes."""
    return [{"type": "blob", "text": text, "sha256": sha256}]


def pretty(json_text: str) -> str:
    """Indent a JSON text; any other text is itself."""
    try:
        return orjson.dumps(orjson.loads(json_text), option=orjson.OPT_INDENT_2).decode()
    except orjson.JSONDecodeError:
        return json_text


def steps(rows: Sequence[Step]) -> list[Block]:
    """Return the steps of a proof."""
    return [{"type": "steps", "rows": [step._asdict() for step in rows]}]


def metrics(rows: Iterable[tuple[str, str, str]]) -> list[Block]:
    """Return figures: label, value, and `warn` or nothing."""
    shown = [{"label": label, "value": value, "tone": tone} for label, value, tone in rows]
    return [{"type": "metrics", "rows": shown}]


def heading(
    verb: str, noun: str, chips: Sequence[Mapping[str, str]] = (), **more: str
) -> list[Block]:
    """Return a headline with chips; `kind` and `glyph` colour it, `id` stands behind it."""
    return [{"type": "heading", "verb": verb, "noun": noun, "chips": list(chips), **more}]
