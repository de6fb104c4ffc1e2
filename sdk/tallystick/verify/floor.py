"""The floor under every deletion, and the exceptions from it that two people agreed on.

Nothing is deleted before six calendar months are over, unless other law asks for it: then one person states a
shorter time, for one retention class or for every deletion, and until when that holds; another confirms it. Both are
records of the log, so that the verifier knows which floor a deletion had to keep.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from tallystick.calendar_span import FLOOR, CalendarSpan, parse_duration
from tallystick.errors import RecordError
from tallystick.profile import encode

EXCEPTION_KIND: Final = "policy"
"""The kind of request by which an exception is asked for."""
CLASS_FILTER: Final = "class"
"""In the filter of a request: the retention class that it is about."""
_KEEP: Final = "keep"
_UNTIL: Final = "until_us"
_MOST_UNTIL_DIGITS: Final = 16
"""Of 2^53, the largest number of a record."""


@dataclass(frozen=True, slots=True)
class FloorException:
    """A floor below six months; equal ones print the same."""

    keep: CalendarSpan
    until_us: int
    """It ends at this moment, µs since 1970 UTC."""
    class_name: str | None = None
    """The class whose deletions may go by it; None: every deletion."""

    @property
    def stated(self) -> dict[str, str]:
        """What a request states as its filter."""
        of_class = {} if self.class_name is None else {CLASS_FILTER: self.class_name}
        return {**of_class, _KEEP: str(self.keep), _UNTIL: str(self.until_us)}

    @property
    def digest(self) -> str:
        """What a confirmation repeats: SHA-256, hex, of `stated` in profile JSON."""
        return hashlib.sha256(encode({**self.stated})).hexdigest()

    def is_for(self, class_name: str | None) -> bool:
        """Whether a deletion that was asked for by this class, or by none, may go by it."""
        return self.class_name is None or self.class_name == class_name

    def lowers(self, now_us: int) -> bool:
        """Whether more may be deleted by it at a moment than without."""
        return self.keep.over_before_us(now_us) > FLOOR.over_before_us(now_us)


def read_exception(stated: Mapping[str, Any]) -> FloorException:
    """Read the filter of a request; raise ValueError for anything that `FloorException.stated` does not print."""
    until, keep = stated.get(_UNTIL), stated.get(_KEEP)
    if not isinstance(until, str) or not until.isdecimal() or len(until) > _MOST_UNTIL_DIGITS:
        raise ValueError(f"{_UNTIL} is no moment")
    if not isinstance(keep, str):
        raise ValueError(f"{_KEEP} is no duration")  # noqa: TRY004 - one error for what was read
    found = FloorException(parse_duration(keep), int(until), stated.get(CLASS_FILTER))
    if found.stated != stated:
        raise ValueError("it states something else beside class, keep and until_us")
    return found


def exception_fault(stated: Mapping[str, Any], digest: str) -> str | None:
    """Return why a request for an exception has no effect; None for one that has."""
    try:
        found = read_exception(stated)
        return None if found.digest == digest else "its digest is of something else"
    except (ValueError, RecordError) as error:
        return f"it is no exception from the floor: {error}"
