"""What leaves the service: evidence packages, and snapshots for `tallystick verify --data`."""

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Final

from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response, StreamingResponse
from pydantic import Field

from tallystick.errors import StoreError
from tallystick_ingest.api.answers.form import package
from tallystick_ingest.api.answers.operations import SnapshotAnswer
from tallystick_ingest.api.body import Body
from tallystick_ingest.api.guard import BadRequestError, caller_with, record_access, service_of
from tallystick_ingest.api.listing import answer_json
from tallystick_ingest.api.parameters import SinceText, UntilText, moment
from tallystick_ingest.auth.gate import Caller
from tallystick_store.evidence.store_reader import export_package
from tallystick_store.snapshot import take_snapshot

CHUNK_BYTES: Final = 1 << 18
SNAPSHOT_FOLDER: Final = "snapshots"
MAX_SNAPSHOTS: Final = 8
"""A caller fills the disk no further than that."""

router = APIRouter(prefix="/api/v1")
_may_export = Depends(caller_with("export", is_whole_reach_needed=True))


class SnapshotBody(Body):
    """Under which name the snapshot goes into the service's own directory of snapshots."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9._-]{0,63}$")


@router.get("/export", response_class=StreamingResponse, responses=package())
def export(
    request: Request,
    since: SinceText,
    until: UntilText = "now",
    caller: Caller = _may_export,
) -> StreamingResponse:
    """Return the evidence package of what was received in [from, to), as a zip.

    It is written to disk first, so that an answer that begins is whole.
    """
    service = service_of(request)
    from_us, to_us = moment(since, service), moment(until, service)
    if from_us >= to_us:
        raise BadRequestError("the period is empty: `from` must lie before `to`")
    file = tempfile.TemporaryFile(dir=service.config.core.data)  # noqa: SIM115 - the answer closes it
    try:
        manifest = export_package(
            service.store, service.signer, from_us, to_us, file, service.clock.now_us()
        )
        rows = int(manifest["to_index"]) - int(manifest["from_index"])
        query = {"from_us": from_us, "to_us": to_us}
        record_access(request, caller, "access.export", "export", query, rows)
    except BaseException:
        file.close()
        raise
    headers = {"content-length": str(file.tell()), "tallystick-entries": str(rows)}
    return StreamingResponse(chunks(file), media_type="application/zip", headers=headers)


def chunks(file: BinaryIO) -> Iterator[bytes]:
    """Yield a file from its start, and close it."""
    with file:
        file.seek(0)
        while chunk := file.read(CHUNK_BYTES):
            yield chunk


@router.post("/snapshot", response_model=SnapshotAnswer)
def snapshot(body: SnapshotBody, request: Request, caller: Caller = _may_export) -> Response:
    """Copy the store, consistently, into a new directory below `snapshots` in the service's home."""
    service = service_of(request)
    core = service.config.core
    target = new_directory(core.home / SNAPSHOT_FOLDER / core.data.name, body.name)
    record_access(request, caller, "access.export", "snapshot", {}, service.store.size)
    try:
        take_snapshot(service.store, target)
    except StoreError as error:
        raise BadRequestError(
            "the snapshot cannot be written: expected room for a copy of the data in the service's home"
        ) from error
    return answer_json({"directory": str(target)})


def new_directory(folder: Path, name: str) -> Path:
    """Return where a copy of this name goes; raise BadRequestError where there is no room for it."""
    target = folder / name
    if target.exists():
        raise BadRequestError("there is a copy of this name: choose another one")
    if folder.is_dir() and sum(1 for _ in folder.iterdir()) >= MAX_SNAPSHOTS:
        raise BadRequestError(
            f"{MAX_SNAPSHOTS} copies are kept in the service's home: move some away, or remove them"
        )
    return target
