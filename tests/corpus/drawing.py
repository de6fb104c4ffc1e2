"""Drawing values from a seed: patterns, digits, check sums. Nothing here is a real person's."""

import random
import unicodedata
from collections.abc import Sequence

DIGITS = "0123456789"
CAPITALS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
LETTERS = CAPITALS + CAPITALS.lower()
PLACES = {
    "#": DIGITS,
    "N": "23456789",
    "A": CAPITALS,
    "^": CAPITALS + DIGITS,
    "*": LETTERS + DIGITS,
    "h": "0123456789abcdef",
    "b": LETTERS + DIGITS + "-_",
    "=": "0123456789abcdef",
    "~": LETTERS + DIGITS + "-_",
}


def fill(draw: random.Random, pattern: str, places: str = "#") -> str:
    """Draw a character for each of `places` in a pattern."""
    return "".join(draw.choice(PLACES[one]) if one in places else one for one in pattern)


def digits(draw: random.Random, count: int) -> str:
    return "".join(draw.choices(DIGITS, k=count))


def weighted(text: str, weights: Sequence[int]) -> int:
    return sum(int(digit) * weight for digit, weight in zip(text, weights, strict=False))


def luhn_digit(body: str) -> str:
    total = 0
    for place, digit in enumerate(reversed(body)):
        doubled = int(digit) * (2 - place % 2)
        total += doubled if place % 2 else doubled - 9 * (doubled > 9)
    return str(-total % 10)


def mod_11_10(body: str) -> str:
    """Give the check digit of ISO 7064 MOD 11,10."""
    product = 10
    for digit in body:
        product = ((int(digit) + product) % 10 or 10) * 2 % 11
    return str((11 - product) % 10)


def grouped(text: str, sizes: Sequence[int], gap: str) -> str:
    parts, start = [], 0
    for size in sizes:
        parts.append(text[start : start + size])
        start += size
    return gap.join((*parts, text[start:])) if start < len(text) else gap.join(parts)


def as_ascii(text: str) -> str:
    plain = text.translate(str.maketrans("łŁøØ", "lLoO")).replace("ß", "ss")
    return unicodedata.normalize("NFKD", plain).encode("ascii", "ignore").decode()
