"""A process whose files may grow to LIMIT bytes at first, and as far as they like later.

    python full_disk.py DIRECTORY LIMIT

Prints `refused <n>` when commits begin to fail, and `kept <n>` at the end.
"""

import resource
import sys
from pathlib import Path

from tallystick.errors import StoreError
from tallystick_store.store import Store
from tests.stores import Emitter, Rows, log_signer, writer

BATCH = 100
REFUSALS = 3
"""The same request refused so often: folding the log into the file frees nothing any more."""


def limit_files(size_bytes: int) -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size_bytes, hard))


def main(directory: str, limit: str) -> None:
    store, emitter = Store.open(Path(directory), log_signer(), publish_interval_s=0.0), Emitter()
    made = writer(store)
    made.submit((emitter.opened(), emitter.seal())).result()
    kept, refusals = 2, 0
    limit_files(int(limit))
    while refusals < REFUSALS:
        calls: Rows = tuple(emitter.call(number) for number in range(BATCH))
        request = (*calls, emitter.seal())
        refusals = 0
        while refusals < REFUSALS:
            try:
                kept += made.submit(request).result()
                break
            except StoreError as error:
                refusals += 1
                print(f"refused {kept} {error}", flush=True)
    limit_files(resource.RLIM_INFINITY)
    kept += made.submit(request).result()
    made.close()
    store.close()
    print(f"kept {kept}", flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
