"""What leaves the service: evidence packages, and snapshots for `tallystick verify --data`."""

import ipaddress
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, BinaryIO, Final

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, Field

from tallystick.errors import AuthorizationError, StoreError
from tallystick_ingest.api.guard import BadRequestError, caller_with, service_of
from tallystick_ingest.api.queries import moment, record_access
from tallystick_ingest.auth.gate import Caller
from tallystick_store.evidence.store_reader import export_package
from tallystick_store.snapshot import take_snapshot

CHUNK_BYTES: Final = 1 << 18
_MAX_CHARS: Final = 64
_MAX_PATH_CHARS: Final = 4_096

router = APIRouter(prefix="/api/v1")
_may_export = Depends(caller_with("export", is_whole_reach_needed=True))


class SnapshotBody(BaseModel):
    """Where the snapshot goes: a directory on the service's machine."""

    directory: str = Field(max_length=_MAX_PATH_CHARS)


@router.get("/export")
def export(
    request: Request,
    since: Annotated[str, Query(alias="from", max_length=_MAX_CHARS)],
    until: Annotated[str, Query(alias="to", max_length=_MAX_CHARS)] = "now",
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


@router.post("/snapshot")
def snapshot(body: SnapshotBody, request: Request, caller: Caller = _may_export) -> dict[str, str]:
    """Copy the store, consistently, into a new directory on this machine, for a caller on it."""
    if not _is_local(request):
        raise AuthorizationError("a snapshot is written on the service's machine: ask for it there")
    target = _new_directory(body.directory)
    service = service_of(request)
    record_access(request, caller, "access.export", "snapshot", {}, service.store.size)
    try:
        take_snapshot(service.store, target)
    except StoreError as error:
        raise BadRequestError(
            "the snapshot cannot be written there: expected a directory that this service may make, "
            "and room for a copy of its data"
        ) from error
    return {"directory": str(target)}


def _new_directory(text: str) -> Path:
    target = Path(text)
    try:
        is_new = text.isprintable() and target.is_absolute() and not target.exists()
    except OSError:
        is_new = False
    if not is_new:
        raise BadRequestError("expected the absolute path of a directory that does not exist yet")
    return target


def _is_local(request: Request) -> bool:
    host = request.client.host if request.client else ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
