"""Where requests for deletions and erasures stand: not only what people decided, but whether it was carried out.

What people decided is read from the records of the log; that it was done, from the ledger of erasures, from tombstones
and from the rows themselves. A deletion is carried out once the log says so as well (`access.delete`), with when.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from tallystick.verify.authority import DeletionRequest
from tallystick.verify.erasures import VALUES_KIND
from tallystick_store.governance.stated import (
    Progress,
    Stated,
    deletion_progress,
    stated_requests,
)
from tallystick_store.store import Store

RequestStanding = Literal[
    "waiting", "confirmed", "being carried out", "carried out", "withdrawn", "expired"
]


@dataclass(frozen=True, slots=True)
class Standing:
    """Where one request stands."""

    state: RequestStanding
    left: int = 0
    """Entries of a deletion whose content is there still, though its tombstones are: a hold may keep them; of an
    erasure 1."""
    done: Stated | None = None
    """What the log says of its being carried out; None until it says so."""

    @property
    def is_unsaid(self) -> bool:
        """Whether all of it is done, and the log is still to say so."""
        return self.state == "being carried out" and not self.left


def standings(
    store: Store, requests: Iterable[DeletionRequest], now_us: int
) -> dict[str, Standing]:
    """Return where each request stands at a time, by its id. Raises StoreError."""
    asked = list(requests)
    confirmed = [one for one in asked if one.state(now_us) == "confirmed"]
    stated = stated_requests(store.database) if confirmed else {}
    deletions = [
        one.confirmation.log_index
        for one in confirmed
        if one.confirmation is not None and one.kind != VALUES_KIND
    ]
    progress = deletion_progress(store.database, deletions)
    unfinished = {one.request for one in store.ledger.unfinished}
    found = {one.id: Standing(one.state(now_us)) for one in asked}
    for one in confirmed:
        if one.kind == VALUES_KIND:
            is_begun, left = one.id in store.ledger, int(one.id in unfinished)
            is_done = not left
        else:
            index = one.confirmation.log_index if one.confirmation is not None else -1
            far = progress.get(index, Progress())
            is_begun, left = far.buried == one.count, far.left
            is_done = not left and one.id in stated
        if is_begun:
            state: RequestStanding = "carried out" if is_done else "being carried out"
            found[one.id] = Standing(state, left, None if left else stated.get(one.id))
    return found
