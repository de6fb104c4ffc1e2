"""Words of state: how an action ended, and how its record is signed. Icon, word and outline say the same."""

from collections.abc import Mapping
from typing import Final

from tallystick_dashboard.icons import Icon, icon
from tallystick_dashboard.markup import Markup, tag

OUTCOMES: Final[Mapping[str, tuple[str, Icon]]] = {
    "success": ("calm", "ok"),
    "failure": ("failed", "failed"),
    "denied": ("denied", "denied"),
    "timeout": ("odd", "clock"),
    "cancelled": ("odd", "unknown"),
    "unknown": ("odd", "unknown"),
}
"""Every outcome of the service -> its look and its icon."""
SEALINGS: Final[Mapping[str, tuple[str, Icon]]] = {
    "sealed": ("fine", "seal"),
    "recovered": ("fine", "recovered"),
    "unsealed": ("odd", "unsealed"),
    "derived": ("calm", "derived"),
}
"""Only what is sealed carries the seal: a derived event was not signed at its source."""
CHANGED: Final = "changed"


def outcome(word: str) -> Markup:
    """Return how an action ended."""
    return _state(word, *OUTCOMES.get(word, ("odd", "unknown")))


def sealing(word: str, faults: int = 0) -> Markup:
    """Return how a record is signed; a row that is not what was accepted says so instead."""
    if faults:
        return _state(CHANGED, "corrupt", "corrupt")
    return _state(word, *SEALINGS.get(word, ("odd", "unknown")))


def verdict(word: str, *, is_fine: bool) -> Markup:
    """Return whether a check held."""
    return _state(word, "fine", "ok") if is_fine else _state(word, "failed", "failed")


def calm(word: str, image: Icon = "unknown") -> Markup:
    """Return a state that is neither good nor bad."""
    return _state(word, "calm", image)


def odd(word: str, image: Icon = "warn") -> Markup:
    """Return a state that somebody should look at."""
    return _state(word, "odd", image)


def _state(word: str, look: str, image: Icon) -> Markup:
    return tag("span", icon(image), word, cls=f"ts-state ts-{look}")
