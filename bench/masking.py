"""What masking costs: 1 KiB of a tool's JSON and text, seen before and never seen, with personal data and without.

Adversarial texts show that the cost grows with the length and not faster.
"""

import base64
import hashlib
import json
import uuid
from collections.abc import Callable
from typing import Final

from bench import machine
from tallystick.masking import Masker, default_policy

ROUNDS: Final = 200
REPEATS: Final = 5
BUDGET_RATIO: Final = 7
PLAIN: Final[dict[str, object]] = {
    "order": "ord_20261101_0042",
    "status": "shipped",
    "created_at": "2026-11-01T10:00:00+00:00",
    "commit": "9f730f2a51bc6e0d4c3b2a1908f7e6d5c4b3a291",
    "items": 3,
    "total_pence": 129_900,
    "note": "customer asked for delivery in the afternoon, leave it at the desk",
}
ADVERSARIAL: Final = {
    "digits and separators": "4111 1111 ",
    "an address without an end": "a@a.",
    "keys without values": "key=",
    "escapes of escapes": "%2540",
    "open brackets": '{"a":[',
    "half a private key": "-----BEGIN PRIVATE KEY-----",
}


def measure() -> list[str]:
    """Give the report's lines."""
    yardstick = machine.calibration_us()
    cases: dict[str, Callable[[int], object]] = {
        "JSON without personal data, shapes seen before": lambda run: [{**PLAIN, "run": run}] * 5,
        "JSON without personal data, every text new": lambda run: [
            _plain(run, i) for i in range(5)
        ],
        "log lines without personal data, every line new": _log,
        "JSON of identifiers, numbers and time stamps, every value new": lambda run: [
            _row(run, number) for number in range(8)
        ],
        "JSON, a tenth of it personal, every text new": lambda run: [
            *(_plain(run, i) for i in range(4)),
            {"id": run, "email": f"ada.clarke{run}@example.com", "phone": f"+44 20 7946 {run:04d}"},
        ],
        "JSON, half of it personal, the same people": lambda run: (
            [
                {**PLAIN, "run": run},
                _personal(0),
            ]
            * 3
        ),
        "JSON, half of it personal, new people": lambda run: [
            one for i in range(3) for one in ({**PLAIN, "run": run}, _personal(3 * run + i))
        ],
    }
    lines = [_line(name, make, yardstick) for name, make in cases.items()]
    return lines + [_growth(name, text) for name, text in ADVERSARIAL.items()]


def _line(name: str, make: Callable[[int], object], yardstick: float) -> str:
    masker = Masker(default_policy(), token_key=bytes(32), token_key_id="bench")
    values = [make(run) for run in range(ROUNDS * (REPEATS + 1))]
    size_kib = len(json.dumps(values)) / len(values) / 1024
    fresh = iter(values)
    for _ in range(ROUNDS):
        masker.mask(next(fresh))
    spent = machine.cpu_us(lambda: masker.mask(next(fresh)), ROUNDS, REPEATS) / size_kib
    ratio = spent / yardstick
    return f"{name}: {spent:.0f} µs per KiB, {ratio:.1f} x calibration (budget {BUDGET_RATIO})"


def _growth(name: str, pattern: str) -> str:
    masker = Masker(default_policy())
    small, large = ((pattern * size)[:size] for size in (8_192, 65_536))
    spent = [machine.cpu_us(lambda: masker.mask(text), 1, 3) for text in (small, large)]  # noqa: B023
    return (
        f"{name}: 64 KiB in {spent[1] / 1000:.1f} ms, {spent[1] / spent[0]:.1f} x the time of 8 KiB"
    )


def _plain(run: int, number: int) -> dict[str, object]:
    return {
        **PLAIN,
        "order": f"ord_20261101_{run:05d}_{number}",
        "commit": f"{run:08x}{number:x}bc6e0d4c3b2a1908f7e6d5c4b3a2918",
        "note": f"customer {run} asked for delivery {number} in the afternoon, leave it at the desk",
    }


def _row(run: int, number: int) -> dict[str, object]:
    digest = hashlib.sha256(f"{run} {number}".encode()).digest()
    return {
        "id": int.from_bytes(digest[:5]),
        "at_ms": 1_790_000_000_000 + int.from_bytes(digest[5:8]),
        "etag": base64.b64encode(digest).decode(),
        "uuid": str(uuid.UUID(bytes=digest[:16])),
    }


def _log(run: int) -> object:
    return [
        f"2026-11-22 10:{run % 60:02d}:{number:02d},120 INFO shop.orders request {run}-{number} to"
        f" /v2/orders/{run:06d} took {number}.{run:03d} ms (status=200)"
        for number in range(9)
    ]


def _personal(number: int) -> dict[str, object]:
    check = 98 - int(f"32142829{number:014d}161100") % 97
    return {
        "name": "Ada Clarke",
        "email": f"ada.clarke{number}@example.com",
        "phone": f"+44 20 7946 {number:04d}",
        "national_insurance_number": f"AB {number % 90 + 10} 34 56 C",
        "iban": f"GB{check:02d} WEST {number:014d}",
    }
