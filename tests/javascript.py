"""Packages of others that run in Node: locked in a folder, installed once outside the repository."""

import hashlib
import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Final

from tests.patience import PATIENCE_S

LOCKED: Final = ("package.json", "package-lock.json", ".npmrc")


def installed(program: Path) -> Path:
    """Install what the folder `program` locks into a cache, unless it is there; return the place."""
    missing = [one for one in ("node", "npm") if shutil.which(one) is None]
    assert not missing, f"install {' and '.join(missing)}: {program.name} runs in Node"
    content = b"".join((program / name).read_bytes() for name in LOCKED)
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "tallystick-tests"
    place = cache / f"js-{hashlib.sha256(content).hexdigest()[:16]}"
    if not place.exists():
        cache.mkdir(parents=True, exist_ok=True)
        fresh = Path(tempfile.mkdtemp(dir=cache))
        for name in LOCKED:
            shutil.copy(program / name, fresh)
        command = ["npm", "ci", "--ignore-scripts"]
        subprocess.run(command, cwd=fresh, check=True, timeout=PATIENCE_S)
        try:
            fresh.rename(place)
        except OSError:
            shutil.rmtree(fresh)  # another test run was faster
    return place
