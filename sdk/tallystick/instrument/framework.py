"""One framework: its patches, whether they are in, and what went wrong inside them.

Errors of a hook never reach the host. They are counted, and the state names their type and place,
never their text: the text may hold what has not been masked.
"""

import sys
import threading
import traceback
from collections.abc import Callable, Sequence
from importlib.machinery import PathFinder
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from types import ModuleType
from typing import Final, TypeVar

import wrapt

from tallystick import runtime
from tallystick.errors import RefusedError
from tallystick.instrument import NOT_INSTRUMENTED
from tallystick.instrument.patch import Applied, Patch, apply

Result = TypeVar("Result")
NOT_INSTALLED: Final = "skipped: not installed"
NOT_IMPORTED: Final = "skipped: not imported"
LOST_TO_A_FAULT: Final = "error in a hook"


class Framework:
    """The hooks into one distribution. Idempotent and thread-safe."""

    def __init__(
        self, name: str, distribution: str, patches: Callable[[str], Sequence[Patch]]
    ) -> None:
        """Describe hooks into `distribution`; `patches` gives what to patch in a version of it."""
        self.name = name
        self.is_on = False
        self._distribution = distribution
        self._patches_for = patches
        self._patches: Sequence[Patch] = ()
        self._version: str | None = None
        self._outcomes: dict[str, Applied | str] = {}
        self._awaited: set[str] = set()
        self._faults = 0
        self._last_fault = ""
        self._changed: Callable[[], None] = _ignore
        self._lock = threading.Lock()

    def install(self, changed: Callable[[], None]) -> None:
        """Put the patches in: now where the module is loaded, else when the host loads it.

        `changed` is called each time that `state` says something new.
        """
        self._changed = changed
        self._version = _version(self._distribution)
        self._patches = self._patches_for(self._version) if self._version else ()
        self.is_on = True
        for module in dict.fromkeys(patch.module for patch in self._patches):
            self._await(module)
        changed()

    def uninstall(self) -> None:
        """Take the patches out. What the host keeps of them (a middleware in a list) does nothing more."""
        self.is_on = False
        with self._lock:
            outcomes, self._outcomes = self._outcomes, {}
        for outcome in outcomes.values():
            if isinstance(outcome, Applied):
                outcome.remove()
        self._changed()

    def state(self) -> str:
        """Say in words what is hooked: `active 2.3.0 (middleware)`, `skipped: ...` or `FAILED: ...`."""
        if self._version is None:
            return NOT_INSTALLED
        if not self.is_on:
            return NOT_INSTRUMENTED
        moved = self._moved()
        return (self._described(moved) or NOT_IMPORTED) + self.fault_note()

    def fault_note(self) -> str:
        """Say what went wrong in the hooks so far, nothing if all went well."""
        return f"; {self._faults} errors in hooks, last: {self._last_fault}" if self._faults else ""

    def modules(self) -> list[str]:
        """Name the modules that the needed patches wait for: `tallystick doctor` imports them."""
        return list(dict.fromkeys(patch.module for patch in self._patches if patch.is_needed))

    def fail(self, reason: str) -> None:
        """State a fault of a hook that is in place but without effect, found when the host used it."""
        with self._lock:
            self._outcomes[reason] = reason
        self._changed()

    def safely(self, work: Callable[[], Result], *, records: bool = False) -> Result | None:
        """Return what `work` returns, None if it fails: the host goes on, the fault is counted.

        `records`: a fault costs a record, which the recorder then reports as lost. RefusedError passes:
        it is how a required tool is kept from running.
        """
        try:
            return work()
        except RefusedError:
            raise
        except Exception as error:  # noqa: BLE001 - the host must not break by our fault
            self.count(error)
            running = runtime.current()
            if records and running is not None:
                running.recorder.count_lost(LOST_TO_A_FAULT)
            return None

    def _await(self, module: str) -> None:
        if module not in self._awaited:
            self._awaited.add(module)
            wrapt.register_post_import_hook(self._loaded, module)  # at once where it is loaded
        elif module in sys.modules:
            self._loaded(sys.modules[module])

    def _loaded(self, module: ModuleType) -> None:
        """Patch a module that has just been loaded. Runs inside the host's import: raises nothing."""
        if not self.is_on:
            return
        for patch in self._patches:
            if patch.module == module.__name__ and patch.path not in self._outcomes:
                outcome = self.safely(lambda patch=patch: apply(patch, module))  # type: ignore[misc]
                with self._lock:
                    self._outcomes[patch.path] = outcome or f"{patch.path}: {self._last_fault}"
        self.safely(self._changed)

    def _moved(self) -> list[str]:
        """Return needed modules that the host can never import, once it has imported the package."""
        return [
            f"module {module} does not exist"
            for module in self.modules()
            if module.partition(".")[0] in sys.modules and not _module_exists(module)
        ]

    def _described(self, moved: list[str]) -> str:
        """Return failures, else what is active; nothing while no needed patch has met its module."""
        by_path = {patch.path: patch for patch in self._patches}
        missing = {
            path: outcome for path, outcome in self._outcomes.items() if isinstance(outcome, str)
        }
        failed = [why for path, why in missing.items() if _is_needed(by_path.get(path))]
        if failed or moved:
            return f"FAILED: {'; '.join([*failed, *moved])}"
        labels = dict.fromkeys(
            outcome.patch.label
            for outcome in self._outcomes.values()
            if isinstance(outcome, Applied) and outcome.patch.is_needed
        )
        if not labels:
            return ""
        without = f"; without: {'; '.join(missing.values())}" if missing else ""
        return f"active {self._version} ({', '.join(labels)}){without}"

    def count(self, error: Exception) -> None:
        """Count a fault of a hook that was caught where it happened."""
        place = traceback.extract_tb(error.__traceback__)[-1]
        with self._lock:
            self._faults += 1
            self._last_fault = (
                f"{type(error).__name__} at {Path(place.filename).name}:{place.lineno}"
            )


def _is_needed(patch: Patch | None) -> bool:
    return patch is None or patch.is_needed


def _ignore() -> None:
    """Before `install`, nobody listens."""


def _module_exists(name: str) -> bool:
    """Say whether a module could be imported, without importing it or the packages above it."""
    if name in sys.modules:
        return True
    root, *rest = name.split(".")
    path = getattr(sys.modules[root], "__path__", None)
    for depth, _ in enumerate(rest, start=2):
        spec = PathFinder.find_spec(".".join([root, *rest][:depth]), path)
        if spec is None:
            return False
        path = spec.submodule_search_locations
    return True


def _version(distribution: str) -> str | None:
    try:
        return version(distribution)
    except PackageNotFoundError:
        return None
