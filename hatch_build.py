"""How the wheel is built: of Python alone, or with the modules that masking spends its time in compiled.

`TALLYSTICK_COMPILE=1 pip install .` compiles those that `compiled` in `pyproject.toml` names, by mypyc, and
makes a wheel for this Python and this platform. It needs a C compiler and Python's headers. The sources
are the same and stay beside what was made of them (docs/adr/0034).
"""

import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

SETTING: Final = "TALLYSTICK_COMPILE"
PACKAGES: Final = ("sdk/tallystick", "store/tallystick_store", "ingest/tallystick_ingest")
"""What compiled modules stand in, or take types from."""
OPTIMISED: Final = "2"
"""The compiler's level. The third takes half as long again and brings nothing that can be measured."""


class CompileHook(BuildHookInterface[Any]):
    """Adds compiled modules to a wheel where the environment asks for them."""

    def dependencies(self) -> list[str]:
        """Return what the build needs besides hatchling."""
        return ["mypy[mypyc]>=2.4"] if self._is_asked() else []

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Compile into a folder of its own; an editable install stays Python. Raises CalledProcessError."""
        if not self._is_asked() or version == "editable":
            return
        self._folder = Path(tempfile.mkdtemp(prefix="tallystick-"))
        made = compile_in(self._folder, Path(self.root), self.config["compiled"])
        build_data["pure_python"] = False
        build_data["infer_tag"] = True
        build_data["force_include"].update(
            {str(path): str(path.relative_to(self._folder)) for path in made}
        )

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:  # noqa: ARG002 - the interface
        """Remove what the build left."""
        if hasattr(self, "_folder"):
            shutil.rmtree(self._folder)

    def _is_asked(self) -> bool:
        return self.target_name == "wheel" and os.environ.get(SETTING) == "1"


def compile_in(
    folder: Path, root: Path, modules: Iterable[str], optimised: str = OPTIMISED
) -> list[Path]:
    """Copy the packages of `root` into `folder`, compile `modules` there, and return the libraries that were made.

    `modules` are paths below the packages' parents: `tallystick/masking/texts.py`. `folder` then holds
    packages that can be imported. Raises CalledProcessError where mypyc or the compiler fails.
    """
    for package in PACKAGES:
        shutil.copytree(
            root / package,
            folder / Path(package).name,
            ignore=shutil.ignore_patterns("__pycache__"),
        )
    options = ("--config-file=", "--ignore-missing-imports", "--follow-imports=silent")
    levels = {"MYPYC_OPT_LEVEL": optimised, "MYPYC_DEBUG_LEVEL": "0"}
    subprocess.run(  # noqa: S603 - our own arguments
        [sys.executable, "-m", "mypyc", *options, *modules],
        cwd=folder,
        env={**os.environ, **levels, "MYPYPATH": str(folder)},
        stdin=subprocess.DEVNULL,
        check=True,
    )
    made = folder.glob(f"**/*{sysconfig.get_config_var('EXT_SUFFIX')}")
    return sorted(path for path in made if path.relative_to(folder).parts[0] != "build")
