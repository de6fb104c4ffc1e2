"""A consistent copy of a running store, made by its owner: for `tallystick verify --data`, or to keep.

Commits wait while the files are copied (about a second for each gigabyte); readers do not. The copy
is the very bytes of the database, of the log and of the blobs, and holds no key.
"""

import shutil
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from tempfile import mkdtemp

from tallystick.errors import StoreError
from tallystick_store.blobs import BLOB_FOLDER
from tallystick_store.files import TEMPORARY, put_in_place
from tallystick_store.opening import DATABASE_NAME, EVIDENCE_NAME, LOG_FOLDER
from tallystick_store.store import Store


def take_snapshot(store: Store, target: Path) -> None:
    """Copy database, log and blobs into `target`, which must not exist or be empty.

    A target that has its name is whole: the copy is made beside it and renamed. Raises StoreError.
    """
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise StoreError(f"the snapshot's target {target} exists: give a new directory")
    try:
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        partial = Path(mkdtemp(prefix=f".{target.name}.", dir=target.parent))
    except OSError as error:
        raise StoreError(f"the snapshot {target} cannot be written: {error}") from error
    try:
        with store.paused():
            store.database.copy_to(partial / DATABASE_NAME)
            _copy_folder(store.directory / LOG_FOLDER, partial / LOG_FOLDER)
            _copy_folder(store.directory / BLOB_FOLDER, partial / BLOB_FOLDER, _copy_if_there)
            _copy_if_there(*(str(one / EVIDENCE_NAME) for one in (store.directory, partial)))
        put_in_place(partial, target)
    except (OSError, StoreError) as error:
        shutil.rmtree(partial, ignore_errors=True)
        raise StoreError(f"the snapshot {target} cannot be written: {error}") from error


def _copy_folder(
    source: Path, target: Path, copy: Callable[[str, str], object] = shutil.copy2
) -> None:
    if source.is_dir():
        half_written = shutil.ignore_patterns(f"*{TEMPORARY}")
        shutil.copytree(source, target, ignore=half_written, copy_function=copy)
    else:
        target.mkdir()


def _copy_if_there(source: str, target: str) -> None:
    """Copy a file. A blob that goes meanwhile is named by no record: they are kept and swept while a copy is made."""
    with suppress(FileNotFoundError):
        shutil.copy2(source, target)
