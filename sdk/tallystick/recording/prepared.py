"""A tool's arguments or result, measured and masked once for every record of this process that holds them.

Both records of a call state its arguments; where both ends of a call, or an agent and the MCP client that it
uses, stand in one process, each of them meets the same arguments and the same result. What masking made of
the last values is remembered by the keyed digest that their records state: nothing unmasked is kept.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from tallystick import event
from tallystick.masking.kinds import ALL, WITHHELD
from tallystick.masking.mode import Mode
from tallystick.masking.tokens import WITHHELD_MARKER
from tallystick.profile import JsonValue
from tallystick.recording import payload
from tallystick.recording.masked import Hits, Masking, digest, disclosed

MOST: Final = 64
"""Values that are remembered."""
LARGEST: Final = 16_384
"""Bytes of JSON text of a value that is remembered."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """A payload, measured and masked: what every record that holds it says of it."""

    value: object
    """Raw; to be masked again where the masking has changed, and to be kept whole."""
    masking: Masking
    statement: Mapping[str, JsonValue]
    text: str
    hits: Mapping[str, int]


class Preparer:
    """Prepares payloads. Safe for threads: a race prepares a value twice."""

    def __init__(self, max_value_bytes: int) -> None:
        """Cut a value above `max_value_bytes` to a preview."""
        self._max_value_bytes = max_value_bytes
        self._known: dict[tuple[str, str, str], Prepared] = {}

    def prepare(self, masking: Masking, name: str, value: object, tool: str) -> Prepared:
        """Measure and mask the payload `name`, unless that was done, and with this masking.

        Raises RecordError without a token key.
        """
        if isinstance(value, Prepared):
            if value.masking is masking and f"{name}.truncated" not in value.statement:
                return value  # else: the whole is read again, so all that is said of it is, too
            value = value.value
        measured = payload.measure(value)
        if measured is None:
            return self._made(masking, name, value, tool, None)
        stated = digest(masking, name, measured.canonical)
        key = name, tool, stated
        known = self._known.get(key) if measured.is_plain else None
        if known is not None and known.masking is masking:
            return Prepared(value, masking, known.statement, known.text, known.hits)
        made = self._made(masking, name, value, tool, (measured.size_bytes, stated))
        if _is_lasting(name, measured, made) and payload.measure(value) == measured:
            self._remember(key, made)  # else: another thread has changed it meanwhile
        return made

    def fitting(self, value: object) -> object:
        """Return what of a value that is no payload goes into a record, before masking."""
        measured = payload.measure(value)
        if measured is None:
            return WITHHELD_MARKER
        return payload.fit(value, measured.size_bytes, self._max_value_bytes)[0]

    def _made(
        self, masking: Masking, name: str, value: object, tool: str, known: tuple[int, str] | None
    ) -> Prepared:
        """Mask a value; `known` is its size and keyed digest, None where it could not be measured."""
        stated: event.Statement = {}
        hits: Hits = {}
        if known is None:
            shown: object = WITHHELD_MARKER
        else:
            stated[f"{name}.size_bytes"], stated[f"{name}.digest"] = known
            shown, is_preview = payload.fit(value, known[0], self._max_value_bytes)
            if is_preview:
                stated[f"{name}.truncated"] = True
        text = disclosed(masking, name, shown, hits, tool)
        if _is_beyond_limits(masking, name, tool, hits):
            stated.setdefault(f"{name}.truncated", True)
        return Prepared(value, masking, stated, text, hits)

    def _remember(self, key: tuple[str, str, str], made: Prepared) -> None:
        if len(self._known) >= MOST:
            self._known.clear()
        self._known[key] = Prepared(None, made.masking, made.statement, made.text, made.hits)


def _is_lasting(name: str, measured: payload.Measured, made: Prepared) -> bool:
    """Tell whether what was made of a value holds for every value that measures the same."""
    is_small = measured.is_plain and measured.size_bytes <= LARGEST
    is_whole = f"{name}.truncated" not in made.statement and f"{name}:{WITHHELD}" not in made.hits
    return is_small and is_whole


def _is_beyond_limits(masking: Masking, name: str, tool: str, hits: Hits) -> bool:
    """Tell whether masking withheld of a value what it would not look at, and not what a rule withholds."""
    policy = masking.masker.policy
    if not hits.get(f"{name}:{WITHHELD}") or policy.select(tool, name) is not None:
        return False
    return all(policy.mode(kind) is not Mode.WITHHOLD for kind in ALL)
