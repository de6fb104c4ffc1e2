"""Imports what each `module:Class.attribute` of the command line names, and says what it then sees.

Each argument is `framework=module:Class.attribute`. It prints one JSON object: `at_start` and `loaded`, the file of
each module that was loaded before and after; `hooked`, whether we wrapped the target of each framework;
`frameworks`, the status, where there is one. Below `opentelemetry-instrument` it then leaves out each framework in
turn, and `without` says what is hooked, and the status, each time.
"""

import importlib
import json
import os
import sys
from typing import Any

LIST = "OTEL_PYTHON_DISABLED_INSTRUMENTATIONS"


def files() -> dict[str, str]:
    """Return the file of each module that is loaded from one."""
    found = {name: getattr(module, "__file__", None) for name, module in list(sys.modules.items())}
    return {name: file for name, file in found.items() if file}


def is_hooked(target: str) -> bool:
    """Import the module of a target, and say whether we wrapped the target."""
    module, _, path = target.partition(":")
    value: Any = importlib.import_module(module)
    for name in path.split("."):
        value = vars(value)[name]
    wrapper = getattr(value, "_self_wrapper", None)  # wrapt's; some frameworks use it themselves
    return str(getattr(wrapper, "__module__", "")).startswith("tallystick.")


def state(targets: dict[str, str]) -> dict[str, Any]:
    """Say what is hooked, and what the status says of it where anybody has loaded us."""
    recording = sys.modules.get("tallystick")
    return {
        "hooked": {framework: is_hooked(target) for framework, target in targets.items()},
        "frameworks": dict(recording.status().frameworks) if recording else {},
    }


def state_without(framework: str, targets: dict[str, str]) -> dict[str, Any]:
    """Begin anew as at the start of the process, with one framework left out."""
    sys.modules["tallystick"].uninstrument()
    os.environ[LIST] = f"requests, tallystick_{framework}"
    sys.modules["opentelemetry.instrumentation.auto_instrumentation"].initialize()
    return state(targets)


def main() -> None:
    at_start = files()
    targets = dict(argument.split("=") for argument in sys.argv[1:])
    seen = {**state(targets), "at_start": at_start, "loaded": files(), "without": {}}
    if "opentelemetry.instrumentation.auto_instrumentation" in at_start:
        seen["without"] = {framework: state_without(framework, targets) for framework in targets}
    print(json.dumps(seen))


if __name__ == "__main__":
    main()
