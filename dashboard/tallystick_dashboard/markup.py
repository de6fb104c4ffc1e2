"""Markup of our own screens: elements whose texts are inert and escaped, always.

There is no way to pass a text through unescaped: a child is an element made here, or a text.
"""

from html import escape
from typing import Final

from tallystick_dashboard.text import safe

VOID: Final = frozenset(("br", "col", "hr"))


class Markup(str):
    """A piece of markup made by `tag` or `join`; any other string is a text."""

    __slots__ = ()


BREAK: Final = Markup("\n")
"""A new line in preformatted text: within a text it would be spelled out."""

Child = Markup | str | int | None


def tag(name: str, *children: Child, **attributes: str | int | None) -> Markup:
    """Return an element. Attribute `cls` is `class`; `_` in a name is `-`; None is left out."""
    shown = "".join(
        f' {_attribute(key)}="{escape(safe(value))}"'
        for key, value in attributes.items()
        if value is not None
    )
    if name in VOID and not children:
        return Markup(f"<{name}{shown}/>")
    return Markup(f"<{name}{shown}>{join(*children)}</{name}>")


def join(*children: Child) -> Markup:
    """Return children one after the other."""
    return Markup("".join(_shown(child) for child in children if child is not None))


def _shown(child: Markup | str | int) -> str:
    return child if isinstance(child, Markup) else escape(safe(child))


def _attribute(key: str) -> str:
    return "class" if key == "cls" else key.replace("_", "-")
