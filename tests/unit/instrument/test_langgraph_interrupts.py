"""Where the hook into `interrupt` goes when a program took the function by name before."""

import sys
from types import ModuleType

import pytest

from tallystick.instrument.framework import Framework
from tallystick.instrument.langgraph_interrupts import InterruptHooks


class Anything:
    """What a program may put among its modules."""

    @property
    def __dict__(self) -> dict[str, object]:  # type: ignore[override]
        raise RuntimeError("no module")


def interrupt(value: object) -> object:
    return value


def places() -> list[tuple[str, str]]:
    hooks = InterruptHooks(Framework("x", "tallystick", lambda _: ()))
    return [(patch.module, patch.target) for patch in hooks.patches(is_needed=True)]


def test_each_name_of_a_loaded_module_is_a_place_and_anything_else_is_left_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    types, program, other = (ModuleType(name) for name in ("langgraph.types", "program", "other"))
    types.interrupt = program.ask_somebody = interrupt  # type: ignore[attr-defined]
    other.interrupt = print  # type: ignore[attr-defined]
    for module in (types, program, other):
        monkeypatch.setitem(sys.modules, module.__name__, module)
    monkeypatch.setitem(sys.modules, "anything", Anything())
    assert set(places()) - {(__name__, "interrupt")} == {
        ("langgraph.types", "interrupt"),
        ("program", "ask_somebody"),
    }


def test_before_langgraph_is_loaded_there_is_its_own_place_alone() -> None:
    assert places() == [("langgraph.types", "interrupt")]
