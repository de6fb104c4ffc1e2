"""Runs `tallystick doctor` after each `module:Class.attribute` of the command line was renamed."""

import importlib
import sys

from tallystick.cli import main


def rename(target: str) -> None:
    module, _, path = target.partition(":")
    *parents, attribute = path.split(".")
    owner = importlib.import_module(module)
    for name in parents:
        owner = getattr(owner, name)
    setattr(owner, f"{attribute}_renamed", vars(owner)[attribute])
    delattr(owner, attribute)


for one in sys.argv[1:]:
    rename(one)
sys.argv[1:] = ["doctor"]
sys.exit(main())
