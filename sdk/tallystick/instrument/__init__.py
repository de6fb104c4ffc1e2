"""Hooks into frameworks: which there are, and what state each is in.

Nothing is imported here that the host did not import: `install` registers hooks that wait for the
import of each framework. This package loads without any of them, and without wrapt.
"""

import os
import sys
import threading
from collections.abc import Sequence
from importlib import import_module
from typing import TYPE_CHECKING, Final

from tallystick import runtime
from tallystick.errors import ConfigError

if TYPE_CHECKING:
    from tallystick.instrument.framework import Framework

KNOWN: Final = {
    "mcp": "tallystick.instrument.mcp",
    "autogen": "tallystick.instrument.autogen",
    "claude_agent": "tallystick.instrument.claude_agent",
    "crewai": "tallystick.instrument.crewai",
    "fastmcp": "tallystick.instrument.fastmcp",
    "google_adk": "tallystick.instrument.google_adk",
    "langchain": "tallystick.instrument.langchain",
    "llama_index": "tallystick.instrument.llama_index",
    "openai_agents": "tallystick.instrument.openai_agents",
    "pydantic_ai": "tallystick.instrument.pydantic_ai",
    "smolagents": "tallystick.instrument.smolagents",
    "strands": "tallystick.instrument.strands",
}
"""Name in the setting `frameworks` -> the module that hooks it, with a Framework called FRAMEWORK."""
AUTO: Final = "auto"
FUNCTIONS: Final = "tallystick.instrument.functions"
OPENTELEMETRYS_LIST: Final = "OTEL_PYTHON_DISABLED_INSTRUMENTATIONS"
"""Environment variable: entry points, by name, that `opentelemetry-instrument` leaves out."""
NOT_INSTRUMENTED: Final = "skipped: not instrumented"
NOT_CHOSEN: Final = "skipped: the setting frameworks leaves it out"

_installed: Final[dict[str, "Framework"]] = {}
_lock: Final = threading.RLock()


def install(frameworks: Sequence[str] = (AUTO,)) -> None:
    """Put hooks into the named frameworks, all known ones for `auto`. Idempotent.

    Raises ConfigError for a name that is not known.
    """
    with _lock:
        for name in chosen(frameworks):
            if name not in _installed:
                framework: Framework = import_module(KNOWN[name]).FRAMEWORK
                _installed[name] = framework
                framework.install(publish)


def chosen(frameworks: Sequence[str]) -> list[str]:
    """Return the names that the setting `frameworks` stands for. Raises ConfigError for one that is not known."""
    names = list(KNOWN) if AUTO in frameworks else list(frameworks)
    unknown = [name for name in names if name not in KNOWN]
    if unknown:
        raise ConfigError(f"unknown framework {unknown[0]!r}: expected auto, {', '.join(KNOWN)}")
    return names


def uninstall(frameworks: Sequence[str] = (AUTO,)) -> None:
    """Take the hooks of the named frameworks out again, every one for `auto`.

    Calls in progress still get their last record.
    """
    with _lock:
        for name in list(_installed) if AUTO in frameworks else frameworks:
            framework = _installed.pop(name, None)
            if framework is not None:
                framework.uninstall()


def states() -> dict[str, str]:
    """Say for each known framework: `active ...`, `skipped: ...` with the reason, or `FAILED: ...`.

    `functions` are our own `tool_call` and `audited_tool`, once the program uses them.
    """
    installed = dict(_installed)
    found = {
        name: installed[name].state() if name in installed else _why_not(name) for name in KNOWN
    }
    functions = sys.modules.get(FUNCTIONS)
    if functions is not None:
        found["functions"] = f"active{functions.FUNCTIONS.fault_note()}"
    return found


def _why_not(name: str) -> str:
    running = runtime.current()
    if running is not None and not {AUTO, name} & set(running.config.frameworks):
        return NOT_CHOSEN
    if is_on_opentelemetrys_list(name):
        return f"skipped: {OPENTELEMETRYS_LIST} names it"
    return NOT_INSTRUMENTED


def is_on_opentelemetrys_list(name: str) -> bool:
    """Say whether the entry point of a framework is one that `opentelemetry-instrument` leaves out."""
    listed = os.environ.get(OPENTELEMETRYS_LIST, "").split(",")
    return not {f"tallystick_{name}", "*"}.isdisjoint(one.strip() for one in listed)


def modules(name: str) -> list[str]:
    """Name the modules that the hooks of an installed framework wait for; nothing is imported."""
    return _installed[name].modules()


def publish() -> None:
    """Tell the runtime what is hooked, for its status, its heartbeats and `session.open`."""
    running = runtime.current()
    if running is not None:
        running.set_frameworks(states())
