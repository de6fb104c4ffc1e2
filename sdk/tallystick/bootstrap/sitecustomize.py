# ruff: noqa: INP001 - Python itself gives this file its name; its folder is no package
"""Loaded by Python at its start below `tallystick run`: starts recording, after a `sitecustomize` it hides.

The directory of this file stands first in PYTHONPATH, so a `sitecustomize` of the environment is hidden;
it is loaded from here. Nothing is ever printed to standard output: it may be a protocol's channel. Any
Python 3 that the program starts comes by here, also one that has no Tallystick.
"""

import importlib.machinery
import importlib.util
import sys
from pathlib import Path


def _load_hidden() -> None:
    here = Path(__file__).resolve().parent
    elsewhere = [path for path in sys.path if Path(path).resolve() != here]
    spec = importlib.machinery.PathFinder.find_spec("sitecustomize", elsewhere)
    if spec is not None and spec.loader is not None:
        module = importlib.util.module_from_spec(spec)
        sys.modules["sitecustomize"] = module
        spec.loader.exec_module(module)


def _start_recording() -> None:
    try:
        from tallystick.launch import start_recording  # noqa: PLC0415 - it may be missing
    except ImportError as error:
        python = sys.executable
        sys.stderr.write(
            f"tallystick: NOT RECORDED: {python} cannot import tallystick ({error}); "
            f"install it there: {python} -m pip install tallystick\n"
        )
        return
    start_recording()


_load_hidden()
_start_recording()
