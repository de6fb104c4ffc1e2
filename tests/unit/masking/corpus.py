"""A seeded corpus: personal data of five countries in the containers of tool calls, and look-alikes.

Nothing here is real: numbers are drawn, then given the check digits that make them valid.
"""

import base64
import json
import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

LETTERS = "ABCDEFGHJKLMNPRSTWXYZ"
FIRST = ("jane", "omar", "lena", "pierre", "carmen", "marek", "sofia", "liam", "jürgen", "chloé")
LAST = ("smith", "haddad", "schmidt", "dubois", "garcia", "kowalski", "rossi", "o'brien", "müller")
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
    *(
        "page",
        "price",
        "order",
        "shipping",
        "sync",
        "error",
        "status",
        "size",
        "list",
        "item",
        "table",
    ),
)


@dataclass(frozen=True)
class Case:
    """One value in one container."""

    kind: str
    value: str
    document: Any


def _digits(draw: random.Random, count: int, first: str = "0123456789") -> str:
    return draw.choice(first) + "".join(draw.choices("0123456789", k=count - 1))


def email(draw: random.Random) -> str:
    local = draw.choice((".", "_", "-", "")).join((draw.choice(FIRST), draw.choice(LAST)))
    host = draw.choice(
        ("example.com", "mail.example.co.uk", "firma.example.de", "correo.example.es")
    )
    return f"{local}{draw.choice(('', '+news', str(draw.randrange(99))))}@{host}"


PHONES = (
    *("+44 20 7### ####", "077## ######", "079########", "(020) 7### ####", "0161 ### ####"),
    *("+4478########", "+44 (0)161 ### ####", "(212) N##-####", "415-N##-####", "+1 415 N## ####"),
    *("1-800-N##-####", "312.N##.#### x###", "+49 30 ######", "030 ########", "0151 ########"),
    *("089/#######", "0049 171 #######", "+33 6 ## ## ## ##", "01 ## ## ## ##", "06.##.##.##.##"),
    *("+34 6## ### ###", "6## ## ## ##", "9## ### ###"),
)
SECRETS = (
    *("sk-proj-" + "*" * 40, "sk-ant-api03-" + "*" * 50, "AKIA" + "^" * 16, "ghp_" + "*" * 36),
    *("github_pat_" + "*" * 60, "glpat-" + "*" * 20, "xoxb-###########-" + "*" * 24),
    *("sk_live_" + "*" * 24, "AIza" + "*" * 35, "npm_" + "*" * 36, "hf_" + "*" * 34),
    *("SG." + "*" * 22 + "." + "*" * 43, "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0." + "*" * 43),
    "-----BEGIN RSA PRIVATE KEY-----\n" + "*" * 64 + "\n-----END RSA PRIVATE KEY-----",
)
DRAWN = {
    "#": "0123456789",
    "N": "23456789",
    "^": "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789",
    "*": "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789",
}


def fill(draw: random.Random, pattern: str, places: str) -> str:
    """Draw a character for each of `places` in a pattern."""
    return "".join(draw.choice(DRAWN[one]) if one in places else one for one in pattern)


def phone(draw: random.Random) -> str:
    return fill(draw, draw.choice(PHONES), "#N")


def secret(draw: random.Random) -> str:
    return fill(draw, draw.choice(SECRETS), "#^*")


def uk_nino(draw: random.Random) -> str:
    while True:
        prefix = draw.choice("ABCEGHJKLMNOPRSTWXYZ") + draw.choice("ABCEGHJKLMNPRSTWXYZ")
        if prefix not in {"BG", "GB", "NK", "KN", "TN", "NT", "ZZ"}:
            break
    gap = draw.choice(("", " ", " ", "-"))
    return gap.join((prefix, *(_digits(draw, 2) for _ in range(3)), draw.choice("ABCD")))


def luhn_digit(body: str) -> str:
    total = 0
    for place, digit in enumerate(reversed(body)):
        doubled = int(digit) * (2 - place % 2)
        total += doubled if place % 2 else doubled - 9 * (doubled > 9)
    return str(-total % 10)


def card(draw: random.Random) -> str:
    prefix, length, groups = draw.choice(
        (
            ("4", 16, (4, 4, 4, 4)),
            ("51", 16, (4, 4, 4, 4)),
            ("2221", 16, (4, 4, 4, 4)),
            ("37", 15, (4, 6, 5)),
            ("6011", 16, (4, 4, 4, 4)),
            ("36", 14, (4, 6, 4)),
            ("3530", 16, (4, 4, 4, 4)),
        )
    )
    body = prefix + _digits(draw, length - 1 - len(prefix))
    number = body + luhn_digit(body)
    gap = draw.choice(("", " ", "-"))
    parts, start = [], 0
    for size in groups:
        parts.append(number[start : start + size])
        start += size
    return gap.join(parts)


def iban(draw: random.Random) -> str:
    country, body = draw.choice(
        (
            ("GB", "".join(draw.choices(LETTERS, k=4)) + _digits(draw, 14)),
            ("DE", _digits(draw, 18)),
            ("FR", _digits(draw, 20) + draw.choice(LETTERS) + _digits(draw, 2)),
            ("ES", _digits(draw, 20)),
            ("NL", "".join(draw.choices(LETTERS, k=4)) + _digits(draw, 10)),
            ("IE", "".join(draw.choices(LETTERS, k=4)) + _digits(draw, 14)),
            (
                "MT",
                "".join(draw.choices(LETTERS, k=4))
                + _digits(draw, 5)
                + "".join(draw.choices(LETTERS, k=18)),
            ),
        )
    )
    check = 98 - int("".join(str(int(one, 36)) for one in body + country + "00")) % 97
    number = f"{country}{check:02d}{body}"
    return (
        " ".join(number[place : place + 4] for place in range(0, len(number), 4))
        if draw.random() < 0.5
        else number
    )


KINDS: dict[str, Callable[[random.Random], str]] = {
    "email": email,
    "phone": phone,
    "uk_nino": uk_nino,
    "card": card,
    "iban": iban,
    "secret": secret,
}


def prose(draw: random.Random, count: int) -> str:
    return " ".join(draw.choices(WORDS, k=count)).capitalize()


def contain(draw: random.Random, value: str) -> Any:
    """Put a value into one of the containers that tool calls have."""
    sentence = f"{prose(draw, 4)}: {value}, {prose(draw, 3)}."
    encoded = base64.b64encode(value.encode()).decode()
    return draw.choice(
        (
            lambda: value,
            lambda: sentence,
            lambda: {"note": sentence, "page": draw.randrange(9)},
            lambda: {"rows": [{"id": draw.randrange(999), "col": value}, {"id": 2, "col": None}]},
            lambda: {"content": [{"type": "text", "text": json.dumps({"value": value, "n": 1})}]},
            lambda: {"content": [{"type": "text", "text": f"Result:\n{json.dumps([value])}\nend"}]},
            lambda: {"url": f"https://api.example.com/find?q={quote(value)}&page=2"},
            lambda: {
                "url": f"https://api.example.com/find?next={quote(quote('/x?q=' + value), safe='')}"
            },
            lambda: {"blob": encoded},
            lambda: {"blob": f"data:text/plain;base64,{encoded}"},
            lambda: {"error": f"KeyError: no row for '{value}' in table customers"},
            lambda: {value: prose(draw, 2)},
            lambda: f"id,value,total\n7,{value},19.99\n",
            value.encode,
            lambda: f"<td>{value}</td>",
        )
    )()


def positives(seed: int, per_kind: int) -> list[Case]:
    """Draw values of every kind in every container."""
    draw = random.Random(seed)
    return [
        Case(kind, value, contain(draw, value))
        for kind, make in KINDS.items()
        for value in (make(draw) for _ in range(per_kind))
    ]


def _hex(draw: random.Random, count: int) -> str:
    return "".join(draw.choices("0123456789abcdef", k=count))


def harmless(draw: random.Random) -> Any:
    """Draw what tools say all day: identifiers, times, measures, versions, program text."""
    stamp = f"2026-{draw.randrange(1, 13):02d}-{draw.randrange(1, 29):02d}T{draw.randrange(24):02d}:31:07"
    uuid = "-".join(_hex(draw, count) for count in (8, 4, 4, 4, 12))
    number = draw.randrange(10**5, 10**9)
    return draw.choice(
        (
            lambda: (
                f"commit {_hex(draw, 40)}\nDate:   {stamp}+00:00\n\n    {prose(draw, 6)} (#{draw.randrange(9999)})"
            ),
            lambda: {"sha": _hex(draw, 40), "short": _hex(draw, 7), "parents": [_hex(draw, 40)]},
            lambda: {
                "id": uuid,
                "trace_id": _hex(draw, 32),
                "span_id": _hex(draw, 16),
                "at": stamp + "Z",
            },
            lambda: (
                f"{stamp.replace('T', ' ')},{draw.randrange(999)} INFO {prose(draw, 3)} took {draw.random():.6f}s"
            ),
            lambda: {
                "order_id": number * 10**4,
                "order_number": f"ORD-{number}",
                "sku": f"SKU-{number}",
                "qty": 3,
            },
            lambda: {
                "price": draw.randrange(10**6) / 100,
                "amount": f"£{number / 100:,.2f}",
                "currency": "GBP",
            },
            lambda: {
                "epoch_ns": 1_795_616_400_123_456_789,
                "ts": 1_795_616_400,
                "ms": 1_795_616_400_123,
            },
            lambda: (
                f"tallystick-{draw.randrange(9)}.{draw.randrange(40)}.{draw.randrange(20)}-py3-none-any.whl"
            ),
            lambda: (
                f"listening on 10.{draw.randrange(255)}.0.{draw.randrange(255)}:8080, uuid {uuid}"
            ),
            lambda: f'etag W/"{_hex(draw, 24)}" size {number} bytes, {draw.randrange(100)}%',
            lambda: {
                "lat": draw.uniform(-90, 90),
                "lon": draw.uniform(-180, 180),
                "bbox": [51.28676, -0.510375],
            },
            lambda: (
                f"@@ -{draw.randrange(999)},7 +{draw.randrange(999)},9 @@ def token(self, key: str) -> str:"
            ),
            lambda: {
                "version": f"{draw.randrange(9)}.{draw.randrange(99)}.{number}",
                "build": number,
            },
            lambda: f"{draw.choice(WORDS)}_id = {number} AND created_at > '{stamp}' LIMIT 10",
            lambda: f"sha256:{_hex(draw, 64)}",
            lambda: {
                "isbn": f"978-{draw.randrange(9)}-{draw.randrange(10**5, 10**6)}-{draw.randrange(10, 99)}-1"
            },
            lambda: f"git@github.com:example/{draw.choice(WORDS)}.git",
            lambda: {
                "tool": "git_log",
                "arguments": {"repo_path": "/srv/repos/shop-index", "max_count": 10},
            },
            lambda: "password: required; token: string; the secret is stored elsewhere",
            lambda: (
                f"ISBN 978{draw.randrange(10**9, 10**10)} and order no. 0{draw.randrange(10**8, 10**9)}"
            ),
        )
    )()


def negatives(seed: int, count: int) -> list[Any]:
    """Draw documents without personal data."""
    draw = random.Random(seed)
    return [harmless(draw) for _ in range(count)]
