"""One change to one function of somebody else's library: put in, looked at, taken out again.

A patch waits for the import of its module and imports nothing itself. It goes in only where the target
exists and takes the parameters that our wrapper relies on; whatever stands in its way is a reason in
words, because a hook that is silently absent is a hole in the record.
"""

import inspect
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import ModuleType
from typing import Any, Final

import wrapt

Wrapper = Callable[[Callable[..., Any], Any, tuple[Any, ...], dict[str, Any]], Any]
"""wrapt's form: (wrapped, instance, args, kwargs)."""
_MISSING: Final = object()


@dataclass(frozen=True, slots=True)
class Patch:
    """What is wrapped, where, and how one knows that it works.

    `expects` are parameters by which the wrapper reads its arguments; `check` looks at the patched
    module and returns why the hook is without effect; without an `is_needed` patch the rest still works.
    """

    module: str
    target: str
    wrapper: Wrapper
    label: str
    expects: tuple[str, ...] = ()
    is_needed: bool = True
    check: Callable[[ModuleType], str | None] | None = None

    @property
    def path(self) -> str:
        """Where it goes, as a reader would look for it."""
        return f"{self.module}.{self.target}"


@dataclass(slots=True)
class Applied:
    """A patch that went in, with what stood there before."""

    patch: Patch
    owner: Any
    attribute: str
    original: Any
    wrapped: Any

    def remove(self) -> None:
        """Put back what stood there, unless somebody has since wrapped it again."""
        if vars(self.owner).get(self.attribute) is self.wrapped:
            setattr(self.owner, self.attribute, self.original)


def apply(patch: Patch, module: ModuleType) -> Applied | str:
    """Put the patch in and look whether it is there. Returns why not, in words, else what was applied."""
    found = _find(module, patch.target)
    if found is None:
        return f"{patch.path} does not exist"
    owner, attribute, original = found
    missing = _missing(original, patch.expects)
    if missing:
        return f"{patch.path} has no parameter {missing}"
    wrapped = wrapt.FunctionWrapper(original, patch.wrapper)
    applied = Applied(patch, owner, attribute, original, wrapped)
    try:
        setattr(owner, attribute, wrapped)
        reason = (
            None if vars(owner).get(attribute) is wrapped else f"{patch.path} cannot be replaced"
        )
        reason = reason or (patch.check(module) if patch.check else None)
    except Exception as error:  # noqa: BLE001 - any fault of the target is a reason, never the host's
        reason = f"{patch.path}: {type(error).__name__} while it was tried"
    if reason is not None:
        applied.remove()
        return reason
    return applied


def argument(position: int, name: str, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
    """Return an argument of a wrapped call, given by position or by name; None when it was not given."""
    return args[position] if len(args) > position else kwargs.get(name)


def release(version: str) -> tuple[int, int]:
    """Return the first two numbers of a version: (0, 19) for 0.19.4."""
    major, minor, *_ = (*re.findall(r"\d+", version), "0", "0")
    return int(major), int(minor)


def _find(module: ModuleType, target: str) -> tuple[Any, str, Any] | None:
    *parents, attribute = target.split(".")
    owner: Any = module
    for name in parents:
        owner = vars(owner).get(name, _MISSING)
        if owner is _MISSING:
            return None
    original = vars(owner).get(attribute, _MISSING)
    return None if original is _MISSING else (owner, attribute, original)


def _missing(original: Any, expects: tuple[str, ...]) -> str | None:
    function = getattr(original, "__func__", original)  # of a class method or a static one
    parameters = inspect.signature(function).parameters if expects else {}
    return next((name for name in expects if name not in parameters), None)
