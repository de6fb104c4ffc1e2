"""OpenTelemetry for Python in three versions: the one of years ago, the oldest that the SDK works with, the newest."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.patience import PATIENCE_S
from tests.ports import free_port
from tests.requirements import requirement
from tests.serving import DELIVERED_WITHIN_MS, Service

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

ROOT = Path(__file__).resolve().parents[3]
PROGRAMS = Path(__file__).parent / "programs"
OLDEST, SUPPORTED, NEWEST = ".venv-exporters-old", ".venv-exporters-mid", ""
STATED = {OLDEST: "1.21.0", SUPPORTED: "1.35.0"}
SPANS = 100


@pytest.fixture(scope="module")
def over_both(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Service, int]]:
    """Run a service that takes OTLP over gRPC too; give it and that port."""
    port = free_port()
    service = Service(tmp_path_factory.mktemp("both"), ["--grpc-port", str(port)]).start()
    yield service, port
    service.kill()


def run(environment: str, program: str, *arguments: str, **more: str) -> str:
    python = ROOT / environment / "bin" / "python" if environment else Path(sys.executable)
    assert python.exists(), f"make {environment}/ready builds the environment"
    done = subprocess.run(
        [python, "-W", "ignore", PROGRAMS / program, *arguments],
        env={"PATH": os.environ["PATH"], **more},
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@requirement("otlp.foreign-client", "mask.before-writing")
@pytest.mark.parametrize(
    ("transport", "compression"),
    [
        ("http", "NoCompression"),
        ("http", "Gzip"),
        ("http", "Deflate"),
        ("grpc", "NoCompression"),
        ("grpc", "Gzip"),
    ],
)
@pytest.mark.parametrize("environment", [OLDEST, SUPPORTED, NEWEST])
def test_spans_and_metrics_of_a_version_are_taken_whole_and_masked(
    over_both: tuple[Service, int], environment: str, transport: str, compression: str
) -> None:
    service, grpc_port = over_both
    points = service.get("/api/v1/status")["since_start"]["metric_points"]
    address = {"http": f"http://127.0.0.1:{service.port}", "grpc": f"127.0.0.1:{grpc_port}"}
    key = service.credentials["api_key"]
    said = run(
        environment, "export.py", transport, compression, address[transport], key, str(SPANS)
    )
    sent: dict[str, Any] = json.loads(said)
    assert sent["version"] == STATED.get(environment, sent["version"])
    assert len(set(sent["ids"])) == SPANS
    kept = [json.loads(span) for one in service.records() for span in one.get("records", ())]
    assert set(sent["ids"]) <= {span["span_id"] for span in kept}
    assert "canary" not in json.dumps(service.records()).lower()
    assert service.get("/api/v1/status")["since_start"]["metric_points"] > points
    assert service.rejected() == []


@pytest.mark.parametrize("environment", [SUPPORTED])
def test_the_sdk_records_beside_each_version(service: Service, environment: str) -> None:
    before = len(service.statements("tool.completed"))
    run(
        environment,
        "call.py",
        TALLYSTICK_HOME=str(service.home),
        TALLYSTICK_EXIT_FLUSH_MS=str(DELIVERED_WITHIN_MS),
    )
    recorded = service.statements("tool.completed")[before:]
    assert [(one["tool.name"], one["outcome"]) for one in recorded] == [("lookup", "success")]
    assert "canary" not in json.dumps(service.records()).lower()
