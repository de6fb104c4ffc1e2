"""What a measurement of the service must not be without: masking, seals and synced writes.

Asked of the running service, not of its settings: what it made of a span with a person in it, whether its
session sealed what that amounts to, and whether the kernel holds pages of the journal that no disk has.
"""

import ctypes
import json
import os
import tempfile
import time
import urllib.request
from pathlib import Path
from typing import Any, Final

from bench.service import Service
from tallystick.masking import default_policy

CANARY: Final = "canary.person@example.com"
_CACHESTAT: Final = 451
"""System call of Linux 6.5 on every architecture."""
_LIBC: Final = ctypes.CDLL(None, use_errno=True)


class _Range(ctypes.Structure):
    _fields_ = (("offset", ctypes.c_uint64), ("length", ctypes.c_uint64))


class _Pages(ctypes.Structure):
    _fields_ = tuple(
        (name, ctypes.c_uint64)
        for name in ("cached", "dirty", "writeback", "evicted", "recently_evicted")
    )


def require(service: Service) -> str:
    """Say what was found in force; end the measurement where something is off."""
    trace_id = f"{time.time_ns():032x}"
    _send(service, trace_id)
    unsynced = unsynced_pages(service.data / "journal")
    trace = _read(service, f"/api/v1/traces/{trace_id}")
    [event] = trace["events"]
    policy = event["statement"].get("mask.policy")
    proof = _read(service, f"/api/v1/events/{event['log_index']}")
    if CANARY in json.dumps(trace) or policy != default_policy().digest:
        raise SystemExit("masking is off, or is not the default policy: nothing is measured")
    if proof["seal"] is None:
        raise SystemExit("no seal covers what a span amounts to: nothing is measured")
    if unsynced:
        raise SystemExit(
            f"{unsynced} pages of the journal are on no disk behind an answer: nothing is measured"
        )
    return f"in force: masking by policy {policy[:12]}, seals, the journal synced before an answer"


def _send(service: Service, trace_id: str) -> None:
    """Send the span of a tool call that says who was looked up."""
    said = {"gen_ai.operation.name": "execute_tool", "gen_ai.tool.call.arguments": CANARY}
    span = {
        "traceId": trace_id,
        "spanId": trace_id[:16][::-1].replace("0", "1"),
        "name": f"look up {CANARY}",
        "startTimeUnixNano": str(time.time_ns()),
        "endTimeUnixNano": str(time.time_ns()),
        "attributes": [{"key": key, "value": {"stringValue": text}} for key, text in said.items()],
    }
    body = json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": [span]}]}]}).encode()
    headers = {**service.authorization, "Content-Type": "application/json"}
    request = urllib.request.Request(f"{service.url}/v1/traces", body, headers)
    with urllib.request.urlopen(request, timeout=60) as answer:
        if answer.read() != b"{}":
            raise SystemExit("the span that shows what is in force was not taken")


def _read(service: Service, path: str) -> Any:  # noqa: ANN401 - any JSON value
    request = urllib.request.Request(f"{service.url}{path}", headers=service.authorization)
    with urllib.request.urlopen(request, timeout=60) as answer:
        return json.load(answer)


def unsynced_pages(journal: Path) -> int:
    """Count the journal's pages that the kernel has not written; know first that it would tell."""
    with tempfile.NamedTemporaryFile(dir=journal.parent) as probe:
        probe.write(bytes(100_000))
        probe.flush()
        if not _dirty_pages(Path(probe.name)):
            raise SystemExit(
                "whether writes are synced cannot be seen here: Linux 6.5 and a file system on a disk are needed"
            )
    return sum(map(_dirty_pages, journal.iterdir()))


def _dirty_pages(path: Path) -> int:
    """Return how many cached pages of a file are dirty or on their way (cachestat(2)); 0 where it cannot tell."""
    whole, pages = _Range(0, 0), _Pages()
    descriptor = os.open(path, os.O_RDONLY)
    try:
        failed = _LIBC.syscall(_CACHESTAT, descriptor, ctypes.byref(whole), ctypes.byref(pages), 0)
    finally:
        os.close(descriptor)
    return 0 if failed else int(pages.dirty + pages.writeback)
