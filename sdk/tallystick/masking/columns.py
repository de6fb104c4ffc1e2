"""Tables in a text: what the head of a column says about the cells below it.

CSV, tab-separated, Markdown and HTML tables. The names in the first line are judged as the keys of a dict; a
line with another number of cells is not a row of the table and is left to the other detectors.
"""

import re
from collections.abc import Iterator
from typing import Final, NamedTuple

from tallystick.masking import kinds
from tallystick.masking.context import rules_in_context
from tallystick.masking.hits import Hit
from tallystick.masking.keys import PLAIN, KeyRule, is_safe_value, key_rule
from tallystick.masking.subject import Subject
from tallystick.masking.tokens import is_marker

_DELIMITERS: Final = "\t;|,"
_HEAD_LINES: Final = 24
"""The head of a table is looked for in the first lines only."""
_HEAD_CHARS: Final = 2_048
_NAME: Final = re.compile(r"[ \t]*[\"']?[^\W\d][\w .()/°'-]{0,48}[\"']?[ \t]*")
_CELL: Final = {
    one: re.compile(
        rf"[ \t]*(?:\"((?:[^\"]|\"\")*+)\"|([^{re.escape(one)}\"]*+[^{re.escape(one)}]*+))"
    )
    for one in _DELIMITERS
}
_HTML: Final = re.compile(
    r"<tr\b|<th\b[^<>]{0,200}>(?P<head>[^<>]{0,64})</th>|<td\b[^<>]{0,200}>(?P<cell>[^<>]{1,512})</td>|<td\b",
    re.IGNORECASE,
)
_IDENTIFYING_DIGITS: Final = 4


class Head(NamedTuple):
    """The first line of a table."""

    delimiter: str
    rules: tuple[KeyRule, ...]
    """What each column's name says."""


def find_cells(subject: Subject) -> Iterator[Hit]:
    """Find the cells of HTML tables in columns whose heads stand for personal data or secrets."""
    if "<th" not in subject.text:
        return
    heads: list[KeyRule] = []
    column, is_in_body = 0, False
    for part in _HTML.finditer(subject.text):
        if part.lastgroup == "head":
            heads = [] if is_in_body else heads
            heads.append(key_rule(part["head"].strip()))
            is_in_body = False
        elif part.lastgroup == "cell":
            start, end = _trimmed(subject.text, *part.span("cell"))
            rule = heads[column] if column < len(heads) else PLAIN
            if _is_personal(subject.text[start:end], rule):
                yield Hit(start, end, rule.kind or kinds.WITHHELD)
            column, is_in_body = column + 1, True
        elif part[0][:3].lower() == "<td":  # empty, or with tags inside
            column, is_in_body = column + 1, True
        else:
            column = 0


def find_columns(subject: Subject) -> Iterator[Hit]:
    """Find the cells of columns whose names stand for personal data or secrets."""
    text = subject.text
    head: Head | None = None
    start = number = 0
    while start < len(text):
        end = text.find("\n", start)
        end = len(text) if end < 0 else end
        if head is not None:
            yield from _row(text, start, end, head)
        elif number < _HEAD_LINES:
            head = _head(text[start:end]) if end - start < _HEAD_CHARS else None
        else:
            return
        start, number = end + 1, number + 1


def _head(line: str) -> Head | None:
    delimiter = max(_DELIMITERS, key=line.count)
    cells = line.strip("\r| \t" if delimiter == "|" else "\r").split(delimiter)
    if len(cells) < 2 or (delimiter == "," and ", " in line):  # noqa: PLR2004 - a table has two columns
        return None
    if not all(_NAME.fullmatch(cell) for cell in cells):
        return None
    names = [cell.strip(" \t\"'") for cell in cells]
    rules = {name: key_rule(name) for name in names}
    if all(rule.kind is None for rule in rules.values()):
        return None
    decided = rules_in_context(dict.fromkeys(names, ""), rules, PLAIN)
    return Head(delimiter, tuple(decided[name] for name in names))


def _row(text: str, start: int, end: int, head: Head) -> Iterator[Hit]:
    if head.delimiter == "|" and text[start : start + 1] == "|":
        start += 1
    spans: list[tuple[int, int]] = []
    place = start
    while place <= end and len(spans) <= len(head.rules):
        cell = _CELL[head.delimiter].match(text, place, end)
        if cell is None:
            return
        spans.append(_trimmed(text, *cell.span(1 if cell[1] is not None else 2)))
        place = cell.end() + 1
    width = len(head.rules)
    if len(spans) != width and (head.delimiter != "|" or len(spans) != width + 1):
        return
    for (first, last), rule in zip(spans, head.rules, strict=False):
        if _is_personal(text[first:last], rule):
            yield Hit(first, last, rule.kind or kinds.WITHHELD)


def _trimmed(text: str, start: int, end: int) -> tuple[int, int]:
    cell = text[start:end]
    return start + len(cell) - len(cell.lstrip()), start + len(cell.rstrip())


def _is_personal(cell: str, rule: KeyRule) -> bool:
    if rule.kind is None or not cell or is_marker(cell) or not any(map(str.isalnum, cell)):
        return False
    if rule.shape is not None:
        return rule.shape.fullmatch(cell) is not None
    if rule.is_certain:
        return not (rule.exempts and is_safe_value(cell))
    if rule.kind == kinds.EMAIL:
        return "@" in cell
    return sum(map(str.isdecimal, cell)) >= _IDENTIFYING_DIGITS
