"""The score: how many values are gone from the output, and how many masked places should have stayed.

Recall counts by leaks: a value is masked when no reader of the whole output finds its letters and
digits, encodings undone. Precision counts by the ledger: each hit of a kind beyond the one value that
stands in the document is false, and so is every decoy that did not survive.
"""

import base64
import binascii
import random
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

from tallystick.masking import Masked, Masker
from tests.corpus.carriers import carry
from tests.corpus.decoys import document
from tests.corpus.locales import LOCALES
from tests.corpus.values import MAKERS_BY_TYPE, Value

STRUCTURED = ("card", "email", "iban", "ip", "national id", "phone", "secret", "uk nino")
"""Types with a form of their own: what the promise is about."""


@dataclass(frozen=True)
class Case:
    """One value of a type in one carrier."""

    type: str
    locale: str
    carrier: str
    value: Value
    document: Any
    decoys: tuple[str, ...]


@dataclass
class Tally:
    """What was found of one type, or in one locale."""

    values: int = 0
    leaked: int = 0
    false_hits: int = 0

    @property
    def recall(self) -> float:
        return 1 - self.leaked / self.values if self.values else 1.0

    @property
    def precision(self) -> float:
        found = self.values - self.leaked
        return found / (found + self.false_hits) if found or self.false_hits else 1.0


@dataclass
class Score:
    """Tallies by type and by locale, and what went wrong, for a reader."""

    by_type: dict[str, Tally] = field(default_factory=dict)
    by_locale: dict[str, Tally] = field(default_factory=dict)
    by_carrier: Counter[str] = field(default_factory=Counter)
    leaks: list[tuple[Case, Any]] = field(default_factory=list)
    false: list[tuple[str, Any, Any]] = field(default_factory=list)
    harmless: int = 0
    false_in_harmless: int = 0

    def over(self, types: Sequence[str]) -> Tally:
        """Sum up over some types; false hits in harmless documents count too."""
        chosen = [self.by_type[one] for one in types if one in self.by_type]
        return Tally(
            sum(one.values for one in chosen),
            sum(one.leaked for one in chosen),
            sum(one.false_hits for one in chosen) + self.false_in_harmless,
        )


def cases(seed: int, per_type: int, locales: Sequence[str]) -> Iterator[Case]:
    """Draw values of every type in every locale; the NINO is British."""
    for code in locales:
        for name, make in MAKERS_BY_TYPE.items():
            if name == "uk nino" and code != "GB":
                continue
            draw = random.Random(f"{seed}/{code}/{name}")
            for _ in range(per_type):
                value = make(draw, LOCALES[code])
                carrier, carried = carry(draw, LOCALES[code], value)
                yield Case(name, code, carrier, value, carried.document, carried.decoys)


def score(masker: Masker, drawn: Iterator[Case], harmless: Sequence[Any] = ()) -> Score:
    """Mask every case and every harmless document."""
    found = Score()
    for case in drawn:
        _count(found, case, masker.mask(case.document))
    for one in harmless:
        masked = masker.mask(one)
        found.harmless += 1
        if masked.hits:
            found.false_in_harmless += sum(masked.hits.values())
            found.false.append(("harmless", one, masked.value))
    return found


def harmless_documents(seed: int, count: int) -> list[Any]:
    draw = random.Random(f"{seed}/harmless")
    return [document(draw) for _ in range(count)]


def is_leaked(value: Value, output: object) -> bool:
    """Whether a reader of the output can read the value."""
    return canonical(value.hidden or value.text) in readable(output)


def canonical(text: str) -> str:
    return "".join(filter(str.isalnum, text)).lower()


def readable(value: object) -> str:
    """Read all that a reader of the output could read, encodings undone, in canonical form."""
    found: list[str] = []
    for text in _texts(value):
        found += text, unquote(text), unquote(unquote(text))
        for run in re.findall(r"[A-Za-z0-9+/]{8,}={0,2}", text):
            try:
                found.append(base64.b64decode(run).decode())
            except (binascii.Error, UnicodeDecodeError):
                continue
    return "\0".join(map(canonical, found))


def _count(found: Score, case: Case, masked: Masked) -> None:
    tallies = (
        found.by_type.setdefault(case.type, Tally()),
        found.by_locale.setdefault(case.locale, Tally()),
    )
    leaked = is_leaked(case.value, masked.value)
    lost = [one for one in case.decoys if canonical(one) not in readable(masked.value)]
    beyond = sum(masked.hits.values()) - masked.hits.get(case.value.kind, 0)
    false = max(len(lost), beyond)
    for tally in tallies:
        tally.values += 1
        tally.leaked += leaked
        tally.false_hits += false
    if leaked:
        found.leaks.append((case, masked.value))
        found.by_carrier[case.carrier] += 1
    if false:
        found.false.append((f"{case.locale} {case.type} in {case.carrier}", case.document, masked))


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, dict):
        for key, item in value.items():
            yield key
            yield from _texts(item)
    elif isinstance(value, list):
        for item in value:
            yield from _texts(item)
    else:
        yield str(value)
