"""As `stubborn.py`, with files of at most LIMIT bytes: `limited.py LIMIT NAME CALLS BYTES`."""

import resource
import runpy
import sys
from pathlib import Path

LIMIT_BYTES = int(sys.argv.pop(1))
resource.setrlimit(resource.RLIMIT_FSIZE, (LIMIT_BYTES, resource.RLIM_INFINITY))
runpy.run_path(str(Path(__file__).with_name("stubborn.py")), run_name="__main__")
