"""Hard negatives: what looks like personal data and is none."""

import random
import uuid
from collections.abc import Callable
from typing import Any

from tests.corpus.drawing import digits, fill

Draw = random.Random


def _uuid(draw: Draw) -> str:
    return str(uuid.UUID(int=draw.getrandbits(128), version=4))


def _stamp(draw: Draw) -> str:
    day = f"2026-{draw.randrange(1, 13):02d}-{draw.randrange(1, 29):02d}"
    return f"{day}T{draw.randrange(24):02d}:{draw.randrange(60):02d}:07"


DECOYS: tuple[Callable[[Draw], str], ...] = (
    lambda draw: f"ORD-2026-{digits(draw, 8)}",
    lambda draw: f"INV{digits(draw, 6)}/26",
    _uuid,
    lambda draw: fill(draw, "h" * 40, "h"),
    lambda draw: fill(draw, "h" * 12, "h"),
    lambda draw: "sha256:" + fill(draw, "h" * 64, "h"),
    lambda draw: f"00-{fill(draw, 'h' * 32, 'h')}-{fill(draw, 'h' * 16, 'h')}-01",
    _stamp,
    lambda draw: f"{draw.randrange(9)}.{draw.randrange(40)}.{draw.randrange(20)}",
    lambda draw: (
        f"v{draw.randrange(9)}.{draw.randrange(9)}.{draw.randrange(9)}-rc{draw.randrange(9)}"
    ),
    lambda draw: f"€{draw.randrange(10**5) / 100:.2f}",
    lambda draw: f"{draw.uniform(-90, 90):.6f}",
    lambda draw: str(draw.randrange(1_700_000_000, 1_800_000_000)),
    lambda draw: str(draw.randrange(1_790_000_000_000, 1_800_000_000_000)),
    lambda draw: f"build-{draw.randrange(10**4)}",
    lambda draw: str(draw.randrange(10**5)),
    lambda draw: f"SKU-{fill(draw, 'AA', 'A')}-{digits(draw, 5)}",
)


def decoy(draw: Draw) -> str:
    """Draw one that stands beside a value."""
    return draw.choice(DECOYS)(draw)


def _ean(draw: Draw) -> str:
    body = "40" + digits(draw, 10)
    total = sum(int(one) * (1 + 2 * (place % 2)) for place, one in enumerate(body))
    return f"{body}{-total % 10}"


WORDS = (
    *(
        "report",
        "total",
        "index",
        "query",
        "commit",
        "branch",
        "update",
        "value",
        "server",
        "region",
    ),
    *("page", "price", "order", "shipping", "sync", "error", "status", "size", "list", "table"),
)


def _prose(draw: Draw, count: int) -> str:
    return " ".join(draw.choices(WORDS, k=count))


DOCUMENTS: tuple[Callable[[Draw], Any], ...] = (
    lambda draw: (
        f"commit {fill(draw, 'h' * 40, 'h')}\nDate:   {_stamp(draw)}+00:00\n\n "
        f"   {_prose(draw, 6)} (#{draw.randrange(9999)})"
    ),
    lambda draw: {"sha": fill(draw, "h" * 40, "h"), "short": fill(draw, "h" * 7, "h")},
    lambda draw: {
        "id": _uuid(draw),
        "trace_id": fill(draw, "h" * 32, "h"),
        "span_id": fill(draw, "h" * 16, "h"),
    },
    lambda draw: (
        f"{_stamp(draw).replace('T', ' ')},{draw.randrange(999):03d} INFO {_prose(draw, 3)} took {draw.random():.6f}s"
    ),
    lambda draw: {
        "order_id": int("9" + digits(draw, 9)),
        "order_number": f"ORD-{digits(draw, 9)}",
        "qty": 3,
    },
    lambda draw: {
        "price": draw.randrange(10**6) / 100,
        "amount": f"£{draw.randrange(10**7) / 100:,.2f}",
        "currency": "GBP",
    },
    lambda draw: {
        "epoch_ns": draw.randrange(1_790_000_000, 1_800_000_000) * 10**9,
        "ts": draw.randrange(1_700_000_000, 1_800_000_000),
    },
    lambda draw: (
        f"tallystick-{draw.randrange(9)}.{draw.randrange(40)}.{draw.randrange(20)}-"
        f"py3-none-any.whl {draw.randrange(10**7)} bytes"
    ),
    lambda draw: (
        f'etag W/"{fill(draw, "h" * 24, "h")}" size {draw.randrange(10**9)} bytes, {draw.randrange(100)}%'
    ),
    lambda draw: {
        "lat": draw.uniform(-90, 90),
        "lon": draw.uniform(-180, 180),
        "bbox": [51.28676, -0.510375, 51.691874, 0.334015],
    },
    lambda draw: (
        f"position {draw.uniform(-90, 90):.7f}, {draw.uniform(-180, 180):.7f} at {_stamp(draw)}Z"
    ),
    lambda draw: (
        f"@@ -{draw.randrange(999)},7 +{draw.randrange(999)},9 @@ def token(self, key: str) -> str:"
    ),
    lambda draw: {
        "version": f"{draw.randrange(9)}.{draw.randrange(99)}.{digits(draw, 6)}",
        "build": draw.randrange(10**8),
    },
    lambda draw: (
        f"SELECT * FROM {draw.choice(WORDS)} WHERE id = "  # noqa: S608  # data, never run
        f"{draw.randrange(10**9)} AND created_at > '{_stamp(draw)}' LIMIT 10"
    ),
    lambda draw: f"image registry.example.com/app@sha256:{fill(draw, 'h' * 64, 'h')}",
    lambda draw: f"git@github.com:example/{draw.choice(WORDS)}.git",
    lambda draw: "password: required; token: string; the secret is stored elsewhere",
    lambda draw: f"ISBN 978{digits(draw, 10)} and order no. 0{digits(draw, 8)}",
    lambda draw: {
        "ean": _ean(draw),
        "stock": draw.randrange(999),
        "weight_g": draw.randrange(10**5),
    },
    lambda draw: f"traceparent: 00-{fill(draw, 'h' * 32, 'h')}-{fill(draw, 'h' * 16, 'h')}-01",
    lambda draw: {
        "x-request-id": _uuid(draw),
        "content-length": str(draw.randrange(10**6)),
        "etag": fill(draw, "h" * 32, "h"),
    },
    lambda draw: (
        f"id,sku,qty,total\n1,SKU-{digits(draw, 6)},3,19.99\n2,SKU-"
        f"{digits(draw, 6)},1,{draw.randrange(10**4) / 100:.2f}\n"
    ),
    lambda draw: (
        f"Ran {draw.randrange(10**4)} tests in {draw.random() * 100:.3f}s; "
        f"{draw.randrange(99)} passed, 0 failed, coverage {draw.random() * 100:.2f}%"
    ),
    lambda draw: (
        f'  File "/usr/lib/python3.12/site-packages/{draw.choice(WORDS)}/core.py", '
        f"line {draw.randrange(2000)}, in __call__"
    ),
    lambda draw: (
        f"-rw-r--r-- 1 root root {draw.randrange(10**8)} Nov {draw.randrange(1, 29)} 10:59 {draw.choice(WORDS)}.tar.gz"
    ),
    lambda draw: (
        f"job {fill(draw, '*' * 22, '*')} finished in {draw.randrange(10**6)} ms on node-{draw.randrange(99)}"
    ),
    lambda draw: {
        "cursor": fill(draw, "*" * 24, "*"),
        "next": f"/v2/items?limit=50&offset={draw.randrange(10**6)}",
        "has_more": True,
    },
    lambda draw: {
        "parameters": {
            "type": "object",
            "properties": {
                "email": {"type": "string"},
                "password": {"type": "string", "minLength": 8},
            },
        }
    },
    lambda draw: (
        f"Revenue grew from {draw.randrange(10**6)} to {draw.randrange(10**7)} "
        f"units between 2019 and 2026 ({draw.random() * 100:.1f} %)."
    ),
    lambda draw: (
        f"IPv6 disabled; MTU 1500; MAC 02:42:ac:{fill(draw, 'hh:hh:hh', 'h')}; uptime {draw.randrange(10**6)}s"
    ),
    lambda draw: (
        f"0x{fill(draw, 'h' * 12, 'h')} in main () at {draw.choice(WORDS)}.c:{draw.randrange(2000)}"
    ),
    lambda draw: {
        "tokens": {"prompt": draw.randrange(10**4), "completion": draw.randrange(10**4)},
        "model": "example-large-2026-08-01",
    },
    lambda draw: f"Sendung 00{digits(draw, 18)} ist unterwegs",
    lambda draw: (
        f"flight LH{draw.randrange(999)} gate B{draw.randrange(60)} "
        f"departs {draw.randrange(24):02d}:{draw.randrange(60):02d}"
    ),
    lambda draw: (
        f"matrix [{draw.random():.4f}, {draw.random():.4f}, {draw.random():.4f}] "
        f"loss={draw.random():.8f} lr=1e-05 step={draw.randrange(10**6)}"
    ),
    lambda draw: {
        "id": draw.randrange(10**11, 10**12),
        "name": draw.choice(WORDS),
        "type": "dataset",
        "rows": draw.randrange(10**8),
    },
)


def document(draw: Draw) -> Any:
    """Draw what tools say all day, without personal data."""
    return draw.choice(DOCUMENTS)(draw)
