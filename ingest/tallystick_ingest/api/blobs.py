"""Blobs: PUT keeps a value that is too large for its record, GET gives it to those who may read.

The address is the digest of the bytes, so a blob is never replaced by another one, and sending it twice
changes nothing. It was masked where it was made, as the records that name it were.
"""

import asyncio
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Path, Request
from fastapi.responses import Response, StreamingResponse
from starlette.exceptions import HTTPException

from tallystick.blob import BLOB_MEDIA_TYPE, MAX_BLOB_BYTES
from tallystick.errors import RecordError
from tallystick_ingest.api.answers.form import NOTHING_THERE, bytes_of
from tallystick_ingest.api.guard import (
    BadRequestError,
    NotFoundError,
    caller_with,
    reader_of,
    record_access,
    service_of,
)
from tallystick_ingest.auth.gate import Caller
from tallystick_store.blob_sweep import is_named

router = APIRouter(prefix="/api/v1")
_may_send = Depends(caller_with("ingest"))
_may_read = Depends(caller_with("read", "payload"))
_TOO_LARGE: Final = f"a blob is at most {MAX_BLOB_BYTES} bytes: this one is larger"

Digest = Annotated[str, Path(pattern="^[0-9a-f]{64}$")]


@router.put(
    "/blobs/sha256:{sha256}",
    response_class=Response,
    responses={200: {"description": "It is on disk", "content": {}}},
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {BLOB_MEDIA_TYPE: {"schema": {}}},
        }
    },
)
async def keep_blob(sha256: Digest, request: Request, caller: Caller = _may_send) -> Response:
    """Keep a blob; 200 once it is on disk, also when it was before. 400 for other bytes, 413 above the limit."""
    service = service_of(request)
    reserved = _stated_size(request)
    claim = service.intake.claim(caller.id)
    claim.grow(reserved)
    try:
        content = await _body(request)
        await asyncio.to_thread(service.store.blobs.put, sha256, content)
    except RecordError as error:
        raise BadRequestError(f"the body is not that of its address: {error}") from None
    finally:
        claim.release()
    return Response(status_code=200)


@router.get(
    "/blobs/sha256:{sha256}",
    response_class=StreamingResponse,
    responses=bytes_of(BLOB_MEDIA_TYPE, "The blob") | NOTHING_THERE,
)
def blob(sha256: Digest, request: Request, caller: Caller = _may_read) -> Response:
    """Return the bytes of a blob; the reader can check them against its address."""
    reader = reader_of(request, caller)
    is_seen = reader.reach.is_full or is_named(reader, sha256)
    blocks = service_of(request).store.blobs.blocks(sha256) if is_seen else None
    record_access(request, caller, "access.read", "blob", {"blob": sha256}, int(blocks is not None))
    if blocks is None:
        raise NotFoundError("no blob is kept under this digest")
    headers = {"Content-Disposition": f'attachment; filename="{sha256}.json"'}
    return StreamingResponse(blocks, media_type=BLOB_MEDIA_TYPE, headers=headers)


def _stated_size(request: Request) -> int:
    """Return the size that the request states, the limit where it states none."""
    stated = request.headers.get("content-length", "")
    size_bytes = int(stated) if stated.isascii() and stated.isdigit() else MAX_BLOB_BYTES
    if size_bytes > MAX_BLOB_BYTES:
        raise HTTPException(413, _TOO_LARGE)
    return size_bytes


async def _body(request: Request) -> bytes:
    content = bytearray()
    async for chunk in request.stream():
        content += chunk
        if len(content) > MAX_BLOB_BYTES:
            raise HTTPException(413, _TOO_LARGE)
    return bytes(content)
