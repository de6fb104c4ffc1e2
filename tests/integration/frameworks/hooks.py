"""Puts every hook in and takes it out again, renames every target in turn, and prints what is wrong."""

import importlib
import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import tallystick
from tallystick.instrument import _installed, states
from tallystick.instrument.patch import Patch


@dataclass(frozen=True)
class Place:
    """Where a hook goes."""

    framework: str
    patch: Patch

    @property
    def owner(self) -> Any:
        found: Any = sys.modules[self.patch.module]
        for name in self.patch.target.split(".")[:-1]:
            found = vars(found)[name]
        return found

    @property
    def attribute(self) -> str:
        return self.patch.target.rpartition(".")[2]

    @property
    def value(self) -> Any:
        return vars(self.owner).get(self.attribute)


def places() -> Iterator[Place]:
    """Give the place of every hook into what is installed, with its module imported."""
    for name, framework in _installed.items():
        for patch in framework._patches:  # noqa: SLF001 - there is no other list of them
            try:
                importlib.import_module(patch.module)
            except ImportError:  # of an extra that is not installed
                continue
            yield Place(name, patch)


def is_named(place: Place) -> bool:
    """Rename the target, and say whether the state of the framework names it."""
    original, owner = place.value, place.owner
    delattr(owner, place.attribute)
    try:
        tallystick.instrument()
        state = states()[place.framework]
        tallystick.uninstrument()
    finally:
        setattr(owner, place.attribute, original)
    begins = "FAILED: " if place.patch.is_needed else "active "
    return state.startswith(begins) and f"{place.patch.path} does not exist" in state


def main() -> None:
    tallystick.instrument()
    found = {place.patch.path: place for place in places()}
    hooked = {path: place.value for path, place in found.items()}
    tallystick.uninstrument()
    before = {path: place.value for path, place in found.items()}
    wrong = {
        "not hooked": [path for path in found if not hasattr(hooked[path], "__wrapped__")],
        "not restored": [path for path in found if before[path] is not hooked[path].__wrapped__],
        "renamed, not named": [path for path, place in found.items() if not is_named(place)],
        "not as before": [path for path in found if found[path].value is not before[path]],
    }
    print(json.dumps({"hooks": len(found), "wrong": {k: v for k, v in wrong.items() if v}}))


if __name__ == "__main__":
    main()
