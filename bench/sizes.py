"""What a stopped service takes on disk, and where: every file below its place, keys and all."""

import tempfile
from collections import Counter
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from bench.emitter import Session, request
from bench.sending import Address, send
from bench.service import Service

SESSIONS: Final = 40
EVENTS: Final = 1000
PER_SEAL: Final = 500
CALLS_PER_PERSON: Final = 25
"""Each block of values is encrypted for one person in one session: what that costs depends on how much it holds."""
BUDGET_BYTES: Final = 1000

_PLACES: Final = {
    "tallystick.duckdb": "database",
    "archive": "archive",
    "log": "tiles and bundles",
    "subject-keys.sqlite": "keys",
}


def by_place(place: Path) -> Counter[str]:
    """Return how many bytes stand where, of everything below the directory `place`."""
    sizes: Counter[str] = Counter()
    for path in place.rglob("*"):
        if path.is_file():
            named = [_PLACES[part] for part in path.relative_to(place).parts if part in _PLACES]
            sizes[named[0] if named else "else"] += path.stat().st_size
    return sizes


def said(sizes: Counter[str], count: int, budget: int) -> str:
    """Say what each of `count` records takes, and where."""
    parts = ", ".join(f"{name} {size / count:.0f}" for name, size in sizes.most_common())
    return f"{sizes.total() / count:,.0f} bytes (budget {budget:,}): {parts}"


def measure(identity: Ed25519PrivateKey) -> str:
    """Give the line of a load in which each person makes some calls in a session."""
    with tempfile.TemporaryDirectory() as place:
        service = Service(Path(place))
        service.enrol(identity)
        address = Address(service.port, "/v1/logs", service.authorization)
        made = [
            Session(identity, seed, CALLS_PER_PERSON).batches(EVENTS, PER_SEAL)
            for seed in range(SESSIONS)
        ]
        answers = send(address, [request([*session]) for session in made])
        service.stop()
        line = said(by_place(Path(place)), SESSIONS * EVENTS, BUDGET_BYTES)
    return (
        f"the same with {CALLS_PER_PERSON} events of each person, per event: {line}; "
        f"not taken: {answers.refused} requests"
    )
