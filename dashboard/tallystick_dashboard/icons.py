"""Icons: drawn by the style sheet in the colour of the word beside them, which says the same."""

from typing import Literal

from tallystick_dashboard.markup import Markup, tag

Icon = Literal[
    "clock",
    "corrupt",
    "denied",
    "derived",
    "download",
    "failed",
    "ok",
    "recovered",
    "right",
    "seal",
    "unknown",
    "unsealed",
    "warn",
]


def icon(name: Icon) -> Markup:
    """Return an icon; readers of screens skip it."""
    return tag("span", cls=f"ts-icon ts-icon-{name}", aria_hidden="true")
