"""The README, followed line by line: each command of it, in its order, by somebody who believes it."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.patience import PATIENCE_S
from tests.serving import TALLYSTICK, Service
from tests.test_docs import ROOT, blocks

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

TEXT = (ROOT / "README.md").read_text("utf-8")
SERVER = """
import tallystick

with tallystick.tool_call("refund", {"invoice": 18}) as call:
    call.result("done")
"""


def follow(service: Service, place: Path, script: str) -> str:
    """Run a script of the shell as the user of the service's home would."""
    path = f"{Path(TALLYSTICK).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        ["/bin/sh", "-ec", script],
        env={**service.environment, "PATH": path},
        cwd=place,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    assert done.returncode == 0, f"{script}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def test_the_readme_holds_what_it_promises(
    make_service: Callable[..., Service], tmp_path: Path
) -> None:
    service = make_service().start()
    place = tmp_path / "user"
    place.mkdir()
    (place / "server.py").write_text(SERVER, encoding="utf-8")
    [program] = blocks(TEXT, "python")
    (place / "program.py").write_text(program, encoding="utf-8")
    make, up, run, look = blocks(TEXT, "sh")
    assert make.startswith("make demo")
    assert up == "tallystick up\n"  # started above, on a free port
    follow(service, place, run)
    subprocess.run(
        [sys.executable, "program.py"],
        env=service.environment,
        cwd=place,
        timeout=PATIENCE_S,
        check=True,
    )
    known = follow(service, place, "tallystick actions --json").splitlines()
    assert [json.loads(line)["statement"]["tool.name"] for line in known] == ["refund", "refund"]
    trace_id = str(json.loads(known[0])["trace_id"])
    told = follow(service, place, re.sub(r"trace [0-9a-f]{32}", f"trace {trace_id}", look))
    assert told.count("verdict 0: verified under the trust policy") == 2
    assert "ada~ / web~ / billing~" in told
    assert f"trace {trace_id}   1 calls" in told
    assert (place / "november.zip").stat().st_size > 10_000
