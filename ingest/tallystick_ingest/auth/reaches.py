"""A reach as it is stated, kept, shown and recorded, and whether one lies within another."""

from collections.abc import Mapping
from typing import Final

from tallystick.errors import ConfigError
from tallystick_store.reach import Reach

DIMENSIONS: Final = ("environments", "agents", "tools", "resources")


def reach_of(stated: Mapping[str, object] | None) -> Reach:
    """Read a reach: for each dimension a list of patterns; null, or left out: all. Raises ConfigError."""
    if stated is None:
        return Reach()
    unknown = sorted(set(stated) - set(DIMENSIONS))
    if unknown:
        raise ConfigError(f"a reach has {', '.join(DIMENSIONS)}, got {unknown[0][:32]!r}")
    environments, agents, tools, resources = (
        _patterns(name, stated.get(name)) for name in DIMENSIONS
    )
    return Reach(environments, agents, tools, resources)


def shown_reach(reach: Reach) -> dict[str, list[str] | None]:
    """Return a reach as `reach_of` reads it, every dimension named."""
    return {name: None if one is None else list(one) for name, one in _dimensions(reach)}


def recorded_reach(reach: Reach) -> dict[str, str]:
    """Return the dimensions by which a reach is cut, as a record states them."""
    return {name: ", ".join(one) for name, one in _dimensions(reach) if one is not None}


def said_reach(reach: Reach) -> str:
    """Return a reach in words, for people."""
    cut = [
        f"{name} {', '.join(one) or 'none'}" for name, one in _dimensions(reach) if one is not None
    ]
    return "; ".join(cut) or "everything"


def is_within(inner: Reach, outer: Reach) -> bool:
    """Whether all that `inner` shows is within `outer`, as far as their patterns tell: in doubt, not."""
    return all(
        wide is None or (narrow is not None and set(narrow) <= set(wide))
        for (_, narrow), (_, wide) in zip(_dimensions(inner), _dimensions(outer), strict=True)
    )


def _dimensions(reach: Reach) -> list[tuple[str, tuple[str, ...] | None]]:
    return [
        ("environments", reach.environments),
        ("agents", reach.agents),
        ("tools", reach.tools),
        ("resources", reach.resources),
    ]


def _patterns(name: str, value: object) -> tuple[str, ...] | None:
    if value is None:
        return None
    if not isinstance(value, list | tuple) or not all(isinstance(one, str) for one in value):
        raise ConfigError(f"{name} of a reach: expected a list of patterns, or null for all")
    return tuple(value)
