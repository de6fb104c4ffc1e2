"""Hooks into frameworks: which there are, and what state each is in.

Nothing is imported here that the host did not import: `install` registers hooks that wait for the
import of each framework. This package loads without any of them, and without wrapt.
"""

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

_installed: Final[dict[str, "Framework"]] = {}
_lock: Final = threading.RLock()


def install(frameworks: Sequence[str] = (AUTO,)) -> None:
    """Put hooks into the named frameworks, all known ones for `auto`. Idempotent.

    Raises ConfigError for a name that is not known.
    """
    names = list(KNOWN) if AUTO in frameworks else list(frameworks)
    unknown = [name for name in names if name not in KNOWN]
    if unknown:
        raise ConfigError(f"unknown framework {unknown[0]!r}: expected auto, {', '.join(KNOWN)}")
    with _lock:
        for name in names:
            if name not in _installed:
                framework: Framework = import_module(KNOWN[name]).FRAMEWORK
                _installed[name] = framework
                framework.install(publish)


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
    """Say for each framework that is hooked: `active ...`, `skipped: ...` or `FAILED: ...`.

    `functions` are our own `tool_call` and `audited_tool`, once the program uses them.
    """
    found = {name: framework.state() for name, framework in list(_installed.items())}
    functions = sys.modules.get(FUNCTIONS)
    if functions is not None:
        found["functions"] = f"active{functions.FUNCTIONS.fault_note()}"
    return found


def modules(name: str) -> list[str]:
    """Name the modules that the hooks of an installed framework wait for; nothing is imported."""
    return _installed[name].modules()


def publish() -> None:
    """Tell the runtime what is hooked, for its status, its heartbeats and `session.open`."""
    running = runtime.current()
    if running is not None:
        running.set_frameworks(states())
