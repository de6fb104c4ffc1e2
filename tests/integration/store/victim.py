"""A process that writes to a store as fast as it can, archives all the while, and says what was acknowledged.

It is there to be killed.

    python victim.py DIRECTORY NAME THRESHOLD

Prints `<session> <seq> <leaf hash>` for each acknowledged record, a line at a time.
"""

import os
import sys
import threading
from itertools import count
from pathlib import Path

from tallystick_store.engine import duckdb
from tallystick_store.store import Store
from tests.stores import Emitter, Rows, log_signer, spans, subject_keys, writer

THREADS = 3


def main(directory: str, name: str, threshold: str) -> None:
    duckdb.CHECKPOINT_THRESHOLD = threshold  # type: ignore[misc]  # small: fold often, die in it
    place = Path(directory)
    store = Store.open(
        place, log_signer(), publish_interval_s=0.01, subject_keys=subject_keys(place)
    )
    made = writer(store)

    def run(emitter: Emitter) -> None:
        rows = [emitter.opened()]
        for number in count():
            request: Rows = (*rows, emitter.seal())
            made.submit((*request, spans(number))).result()
            records = [row.record for row in rows]
            said = [f"{one.session} {one.seq} {one.leaf_hash.hex()}\n" for one in records]
            os.write(1, "".join(said).encode())
            rows = [emitter.call(number) for _ in range(1 + number % 40)]

    def archive() -> None:
        while True:
            store.trim_journal()

    threads = [
        *(threading.Thread(target=run, args=(Emitter(f"{name} {one}"),)) for one in range(THREADS)),
        threading.Thread(target=archive),
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


if __name__ == "__main__":
    main(*sys.argv[1:])
