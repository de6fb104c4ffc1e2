"""Signed, masked, offline-verifiable records of what AI agents did with their tools.

    import tallystick
    tallystick.instrument()

That is all a program needs. Nothing heavy is imported before it is used.
"""

import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any, Final

from tallystick.errors import RefusedError, TallystickError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tallystick.capture.approvals import approval, approval_decided, approval_requested
    from tallystick.capture.context import agent, caller
    from tallystick.capture.governance import decide, record
    from tallystick.instrument.audited import audited_tool
    from tallystick.instrument.functions import tool_call
    from tallystick.pipeline.audit_processor import AuditSpanProcessor
    from tallystick.pipeline.masking_exporter import MaskingSpanExporter
    from tallystick.state import Status

__all__ = [
    "AuditSpanProcessor",
    "Handle",
    "MaskingSpanExporter",
    "RefusedError",
    "TallystickError",
    "agent",
    "approval",
    "approval_decided",
    "approval_requested",
    "audited_tool",
    "caller",
    "decide",
    "flush",
    "instrument",
    "record",
    "shutdown",
    "status",
    "tool_call",
    "uninstrument",
]

_LAZY: Final = {
    "AuditSpanProcessor": "tallystick.pipeline.audit_processor",
    "MaskingSpanExporter": "tallystick.pipeline.masking_exporter",
    "agent": "tallystick.capture.context",
    "approval": "tallystick.capture.approvals",
    "approval_decided": "tallystick.capture.approvals",
    "approval_requested": "tallystick.capture.approvals",
    "audited_tool": "tallystick.instrument.audited",
    "caller": "tallystick.capture.context",
    "decide": "tallystick.capture.governance",
    "record": "tallystick.capture.governance",
    "tool_call": "tallystick.instrument.functions",
}


class Handle:
    """What `instrument` gives back: the same three functions as the module's, in one value."""

    __slots__ = ()

    def status(self) -> "Status":
        """Say what is recorded, shipped, waiting and wrong."""
        return status()

    def flush(self, timeout_s: float = 5.0) -> bool:
        """Seal all and wait until the service has it; whether it has."""
        return flush(timeout_s)

    def shutdown(self, timeout_s: float = 5.0) -> None:
        """Close the session, deliver what can be delivered, stop."""
        shutdown(timeout_s)


def instrument(
    service_name: str | None = None,
    endpoint: str | None = None,
    api_key: str | None = None,
    frameworks: "str | Sequence[str]" = "auto",
    **settings: object,
) -> Handle:
    """Record what agents do with tools in this process, from now until it ends.

    Hooks the frameworks that the program imports, now or later; `frameworks` names some of them instead.
    Every argument is a setting (tallystick.config.SETTINGS); what is not given comes from the environment,
    the home directory's `config.toml`, or the default. Without `endpoint` the service on this machine is
    found by its credentials file; without one, records stay in the spool until there is one.
    Idempotent: while the process records, a second call changes nothing. Thread-safe.
    Raises ConfigError for a setting that does not fit, and nothing else.
    """
    from tallystick import runtime  # noqa: PLC0415 - an import of this package stays light
    from tallystick.config import load_config  # noqa: PLC0415
    from tallystick.instrument import install, publish  # noqa: PLC0415

    config = load_config(
        service_name=service_name,
        endpoint=endpoint,
        api_key=api_key,
        frameworks=None if frameworks == "auto" else frameworks,
        **settings,
    )
    if not config.disabled:
        running = runtime.start(config)
        install(running.config.frameworks)
        publish()
    return Handle()


def uninstrument() -> None:
    """Take every hook out again and shut down; calls in progress still get their last record."""
    from tallystick.instrument import uninstall  # noqa: PLC0415 - an import of this package stays light

    uninstall()
    shutdown()


def status() -> "Status":
    """Say what is recorded, shipped, waiting and wrong."""
    from tallystick import runtime  # noqa: PLC0415 - an import of this package stays light
    from tallystick.state import nothing_recorded  # noqa: PLC0415

    running = runtime.current()
    return running.status() if running is not None else nothing_recorded()


def flush(timeout_s: float = 5.0) -> bool:
    """Seal all and wait until the service has it; False when it has not after `timeout_s`, or none is known."""
    from tallystick import runtime  # noqa: PLC0415 - an import of this package stays light

    running = runtime.current()
    return running.flush(timeout_s) if running is not None else True


def shutdown(timeout_s: float = 5.0) -> None:
    """Close the session, deliver what can be delivered in `timeout_s`, stop. Idempotent."""
    from tallystick import runtime  # noqa: PLC0415 - an import of this package stays light

    running = runtime.current()
    if running is not None:
        running.shutdown(timeout_s)


def __getattr__(name: str) -> Any:  # noqa: ANN401 - whatever stands behind the name
    module = _LAZY.get(name)
    if module is None:
        raise AttributeError(f"module 'tallystick' has no attribute {name!r}")
    from importlib import import_module  # noqa: PLC0415 - an import of this package stays light

    found = globals()[name] = getattr(import_module(module), name)
    return found


def __dir__() -> list[str]:
    return sorted(__all__)


_instrument: Final = instrument


class _HooksPackage(ModuleType):
    """The sub-package `tallystick.instrument`, which answers to the call of the function that it hides."""

    def __call__(self, *args: Any, **settings: Any) -> Handle:  # noqa: ANN401 - those of `instrument`
        return _instrument(*args, **settings)


class _Package(ModuleType):
    """This package. Importing its sub-package `instrument` binds that name, which stays callable so."""

    def __setattr__(self, name: str, value: object) -> None:
        if name == "instrument" and isinstance(value, ModuleType):
            value.__class__ = _HooksPackage
        super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Package
