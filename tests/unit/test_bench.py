"""The benchmark's own parts: a load that can be repeated, and a look at what is in force."""

import gzip
import os
import sys
from pathlib import Path

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from bench import foreign, in_force
from bench.sending import is_whole


def contents(load: foreign.Load) -> list[str]:
    """Return what the spans of a load say, without ids and times."""
    said = []
    for body in load.bodies:
        request = ExportTraceServiceRequest.FromString(gzip.decompress(body))
        [scope] = request.resource_spans[0].scope_spans
        said += [f"{span.name} {span.attributes}" for span in scope.spans]
    return said


def test_a_load_says_the_same_each_time_under_new_ids() -> None:
    one, other = foreign.load(2, 64), foreign.load(2, 64)
    assert one.spans == other.spans == len(contents(one)) == 128
    assert contents(one) == contents(other)
    assert not {*one.trace_ids} & {*other.trace_ids}
    assert len({*contents(one)}) == 128


def test_an_answer_that_rejects_something_is_not_whole() -> None:
    assert is_whole(b"")
    assert not is_whole(b"\x0a\x02\x08\x01")


@pytest.mark.skipif(sys.platform != "linux", reason="cachestat(2) is Linux's")
def test_pages_that_no_disk_has_are_seen(tmp_path: Path) -> None:
    journal = tmp_path / "journal"
    journal.mkdir()
    segment = journal / "1"
    segment.write_bytes(bytes(50_000))
    try:
        unsynced = in_force.unsynced_pages(journal)
    except SystemExit as error:
        pytest.skip(str(error))
    assert unsynced > 0
    with segment.open("rb") as file:
        os.fdatasync(file.fileno())
    assert in_force.unsynced_pages(journal) == 0
