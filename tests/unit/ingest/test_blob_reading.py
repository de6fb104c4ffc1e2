"""Reading a blob is recorded before its bytes go out; where that fails, nothing of it is left open."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tallystick_ingest.api import blobs as api
from tallystick_ingest.auth.gate import ADMINISTRATOR
from tallystick_ingest.otlp.incoming import BusyError
from tallystick_store.blobs import BlobFiles, blob_digest
from tallystick_store.reach import OPEN
from tests.open_files import open_files
from tests.requirements import requirement

CONTENT = b"[1]"


@requirement("access.recorded")
def test_a_read_that_cannot_be_recorded_gives_nothing_and_leaves_no_file_open(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept, sha256 = BlobFiles(tmp_path), blob_digest(CONTENT)
    kept.put(sha256, CONTENT)
    service = SimpleNamespace(store=SimpleNamespace(blobs=kept))

    def busy(*_: object) -> None:
        raise BusyError("the log takes nothing now")

    monkeypatch.setattr(api, "service_of", lambda _: service)
    monkeypatch.setattr(api, "reader_of", lambda *_: SimpleNamespace(reach=OPEN))
    monkeypatch.setattr(api, "record_access", busy)
    request: Any = object()
    with pytest.raises(BusyError) as failed:
        api.blob(sha256, request, ADMINISTRATOR)
    assert failed.tb is not None  # holds what the handler held
    assert kept.path(sha256) not in open_files()
