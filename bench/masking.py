"""What masking costs: 1 KiB of a tool's JSON, with and without personal data."""

import json
from typing import Final

from bench import machine
from tallystick.masking import Masker, default_policy

ROUNDS: Final = 300
BUDGET_RATIO: Final = 7
PERSONAL: Final[dict[str, object]] = {
    "name": "Ada Clarke",
    "email": "ada.clarke@example.com",
    "phone": "+44 20 7946 0123",
    "national_insurance_number": "AB 12 34 56 C",
    "iban": "GB82 WEST 1234 5698 7654 32",
}
PLAIN: Final[dict[str, object]] = {
    "order": "ord_20261101_0042",
    "status": "shipped",
    "created_at": "2026-11-01T10:00:00+00:00",
    "commit": "9f730f2a51bc6e0d4c3b2a1908f7e6d5c4b3a291",
    "items": 3,
    "total_pence": 129_900,
    "note": "customer asked for delivery in the afternoon, leave it at the desk",
}


def measure() -> list[str]:
    """Give the report's lines."""
    yardstick = machine.calibration_us()
    cases: dict[str, list[dict[str, object]]] = {
        "1 KiB without personal data, shapes seen before": [PLAIN] * 5,
        "1 KiB, half of it personal": [PLAIN, PERSONAL] * 3,
    }
    return [_line(name, value, yardstick) for name, value in cases.items()]


def _line(name: str, value: list[dict[str, object]], yardstick: float) -> str:
    masker = Masker(default_policy(), token_key=bytes(32), token_key_id="bench")
    size_kib = len(json.dumps(value)) / 1024
    fresh = iter([[{**one, "run": run} for one in value] for run in range(ROUNDS * 6)])
    spent = machine.cpu_us(lambda: masker.mask(next(fresh)), ROUNDS) / size_kib
    return f"{name}: {spent:.0f} µs per KiB, {spent / yardstick:.1f} x calibration (budget {BUDGET_RATIO})"
