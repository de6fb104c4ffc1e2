"""The printer: masks what a hook saw and prints it as a record. Nothing unmasked leaves this module."""

import re
from collections.abc import Mapping
from typing import Final

import orjson

from tallystick import event
from tallystick.errors import RecordError
from tallystick.masking.rules import FIELDS
from tallystick.masking.tokens import WITHHELD_MARKER
from tallystick.profile import JsonValue
from tallystick.random_id import random_id
from tallystick.recording import payload
from tallystick.recording.masked import Hits, Masking, count, count_again, digest, disclosed
from tallystick.recording.opening import NewId
from tallystick.recording.prepared import Prepared, Preparer
from tallystick.recording.session import UNPLACED
from tallystick.recording.whole_value import Large, WholeValues

PAYLOADS: Final = frozenset(("params", "result"))
"""Disclosures that are measured and digested, and whose preview stands for them when they are large."""
STATEMENT_LIMITS: Final = ((1024, 256), (128, 8), (32, 4))
"""Characters of a text and items of a list in line 1; the next pair is tried when line 1 is too long."""

_REMEMBERED: Final = 4096
_REMEMBERED_CHARS: Final = 256
_IDS: Final = frozenset(("trace.id", "span.id", "span.parent_id", "action.id", "action.parent_id"))
_HEX: Final = re.compile(r"[0-9a-f]{16}|[0-9a-f]{32}")
_FORMS: Final = {**dict.fromkeys(_IDS, _HEX), "receipt.digest": re.compile(r"[0-9a-f]{64}")}
"""What no masking may change: random ids and digests that are made here, by their shape. `receipt.record`
is a peer's text, and is masked."""
_OWN_PREFIXES: Final = ("session.", "recovered.", "emitter.")


class Printer:
    """Prints drafts. Safe to share between threads; `masking` and `head` may be replaced at any time."""

    def __init__(
        self,
        masking: Masking,
        max_value_bytes: int,
        new_id: NewId = random_id,
        whole_values: WholeValues | None = None,
    ) -> None:
        """Print with `masking`; `new_id` gives nonces and salts, 32 random hex digits each.

        Of a value above `max_value_bytes` a preview is printed, and the whole kept by `whole_values`.
        """
        self.masking = masking
        self.head: Mapping[str, JsonValue] = {}
        """`log.origin`, `log.size` and `log.root` of the newest checkpoint, none before the first."""
        self._max_value_bytes = max_value_bytes
        self._preparer = Preparer(max_value_bytes)
        self._new_id = new_id
        self._whole_values = whole_values

    def print_record(
        self, draft: event.Draft, time_us: int, session: str = UNPLACED, seq: int = 0
    ) -> event.Record:
        """Return `draft` as a masked record; `session` and `seq` are where it will probably stand.

        Raises RecordError when the draft is outside the table of fields.
        """
        hits: Hits = {}
        masking = self.masking
        statement: event.Statement = {
            "type": draft.type,
            "session": session,
            "seq": seq,
            "time_us": time_us,
            "origin": "native",
            **self.head,
            "mask.policy": masking.policy_digest,
            "mask.key_id": masking.key_id,
        }
        disclosures = self._disclosures(masking, draft, statement, hits)
        for name, (kind, value) in draft.tokens.items():
            statement[name] = digest(masking, kind, value.encode("utf-8", "replace"))
        self._add_statement(masking, draft, statement, hits)
        if hits:
            statement["mask.hits"] = hits
        return self._print(statement, disclosures)

    def mask_text(self, text: str) -> str:
        """Return one text as it would stand in line 1."""
        masking = self.masking
        return text if text in masking.clean else _text(masking, "", text, {})

    def prepare(self, name: str, value: object, tool: str) -> Prepared:
        """Measure and mask the payload `name` once for several records of one call of `tool` ("" for none).

        In a draft it stands for the value as it is now, unless that is too large for a record.
        Raises RecordError without a token key.
        """
        return self._preparer.prepare(self.masking, name, value, tool)

    def digest(self, kind: str, value: bytes) -> str:
        """Return the keyed digest of exactly these bytes. Raises RecordError without a token key."""
        return digest(self.masking, kind, value)

    def _print(self, statement: event.Statement, disclosures: Mapping[str, str]) -> event.Record:
        try:
            return event.make_record(statement, disclosures, self._new_id)
        except RecordError:
            for longest, most in STATEMENT_LIMITS[1:]:
                shorter = {
                    name: _shorten(value, longest, most) for name, value in statement.items()
                }
                if len(orjson.dumps(shorter)) < event.MAX_STATEMENT_BYTES // 2:
                    return event.make_record(shorter, disclosures, self._new_id)
            raise

    def _add_statement(
        self, masking: Masking, draft: event.Draft, statement: event.Statement, hits: Hits
    ) -> None:
        clean = masking.clean
        is_own = draft.type.startswith("session.")
        for name, value in draft.statement.items():
            kind, form = type(value), _FORMS.get(name)
            if kind is int or kind is bool or (is_own and name.startswith(_OWN_PREFIXES)):
                statement[name] = value
            elif kind is not str:
                statement[name] = _compound(masking, name, value, hits)
            elif value in clean or (form is not None and form.fullmatch(value)):
                statement[name] = value
            else:
                statement[name] = _text(masking, name, value, hits)

    def _disclosures(
        self, masking: Masking, draft: event.Draft, statement: event.Statement, hits: Hits
    ) -> dict[str, str]:
        found: dict[str, str] = {}
        for name, value in draft.disclosures.items():
            tool = str(draft.statement.get("tool.name") or "") if name in FIELDS else ""
            if name in PAYLOADS:
                one = self._preparer.prepare(masking, name, value, tool)
                statement |= one.statement
                count_again(one.hits, hits)
                found[name] = one.text
                if one.statement.get(f"{name}.truncated") and f"{name}.digest" in one.statement:
                    found |= self._whole(masking, name, one.value, statement, hits, draft)
                continue
            is_short = isinstance(value, str) and len(value) <= self._max_value_bytes
            shown = value if is_short else self._preparer.fitting(value)
            found[name] = disclosed(masking, name, shown, hits, tool)
        return found

    def _whole(
        self,
        masking: Masking,
        name: str,
        value: object,
        statement: event.Statement,
        hits: Hits,
        draft: event.Draft,
    ) -> dict[str, str]:
        """Keep the whole of a value as a blob; return the disclosure that names it."""
        if self._whole_values is None:
            return {}
        tool = str(draft.statement.get("tool.name") or "")
        size_bytes, known_as = statement[f"{name}.size_bytes"], statement[f"{name}.digest"]
        large = Large(value, name, tool, int(size_bytes), str(known_as))
        kept = self._whole_values.keep(masking.masker, large)
        count(f"{name}.blob", kept.hits, hits)
        return {f"{name}.blob": kept.text}


def _text(masking: Masking, name: str, text: str, hits: Hits) -> str:
    longest = STATEMENT_LIMITS[0][0]
    masked = masking.masker.mask_text(
        text if len(text) <= longest else payload.cut_text(text, longest)
    )
    shown = masked.value if isinstance(masked.value, str) else WITHHELD_MARKER
    if masked.hits:
        count(name, masked.hits, hits)
    elif shown == text and len(text) <= _REMEMBERED_CHARS:
        if len(masking.clean) >= _REMEMBERED:
            masking.clean.clear()
        masking.clean.add(text)
    return shown


def _compound(masking: Masking, name: str, value: JsonValue, hits: Hits) -> JsonValue:
    if isinstance(value, list | tuple):
        most = STATEMENT_LIMITS[0][1]
        kept = [
            _text(masking, name, item, hits) if isinstance(item, str) else item
            for item in value[:most]
        ]
        return kept if len(value) <= most else [*kept, payload.CUT]
    if isinstance(value, dict):
        return {
            _text(masking, name, key, hits): _text(masking, name, item, hits)
            if isinstance(item, str)
            else item
            for key, item in value.items()
        }
    return _text(masking, name, value, hits) if isinstance(value, str) else value


def _shorten(value: JsonValue, longest: int, most: int) -> JsonValue:
    if isinstance(value, str):
        return value if len(value) <= longest else f"{value[:longest]}{payload.CUT}"
    if isinstance(value, list):
        kept = [_shorten(item, longest, most) for item in value[:most]]
        return kept if len(value) <= most else [*kept, payload.CUT]
    return value
