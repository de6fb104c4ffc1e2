"""Backups: written below the service's home, for a caller on its machine to take away."""

from typing import Final

from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel, ConfigDict, Field

from tallystick.errors import StoreError
from tallystick_ingest.api.answers.governance import BackupMade
from tallystick_ingest.api.evidence import new_directory
from tallystick_ingest.api.guard import BadRequestError, caller_with, record_access, service_of
from tallystick_ingest.auth.gate import Caller
from tallystick_store.governance.backup import take_backup

BACKUP_FOLDER: Final = "backups"

router = APIRouter(prefix="/api/v1")
_may_export = Depends(caller_with("export", is_whole_reach_needed=True))


class BackupBody(BaseModel):
    """Under which name the backup goes into the service's own directory of backups."""

    model_config = ConfigDict(extra="forbid")

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9._-]{0,63}$")


@router.post("/backup")
def backup(body: BackupBody, request: Request, caller: Caller = _may_export) -> BackupMade:
    """Write a backup, in which no value stands in clear, into a new directory in the service's home."""
    service = service_of(request)
    core = service.config.core
    target = new_directory(core.home / BACKUP_FOLDER / core.data.name, body.name)
    record_access(request, caller, "access.export", "backup", {}, service.store.size)
    try:
        made = take_backup(service.store, target, service.clock.now_us())
    except StoreError as error:
        raise BadRequestError(
            "the backup cannot be written: expected room for a copy of the archive in the service's home"
        ) from error
    return BackupMade(directory=str(target), entries=made.size, blobs_left=made.blobs_left)
