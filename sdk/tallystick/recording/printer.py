"""The printer: masks what a hook saw and prints it as a record. Nothing unmasked leaves this module."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

import orjson

from tallystick import event
from tallystick.errors import RecordError
from tallystick.fields import BY_NAME
from tallystick.masking import Masker, MaskPolicy, default_policy
from tallystick.masking.kinds import ALL, WITHHELD
from tallystick.masking.mode import Mode
from tallystick.masking.rules import FIELDS
from tallystick.masking.tokens import WITHHELD_MARKER, TokenKey
from tallystick.profile import JsonValue
from tallystick.recording import payload
from tallystick.recording.opening import NewId, random_id
from tallystick.recording.session import UNPLACED
from tallystick.recording.whole_value import Large, WholeValues

PAYLOADS: Final = frozenset(("params", "result"))
"""Disclosures that are measured and digested, and whose preview stands for them when they are large."""
STATEMENT_LIMITS: Final = ((1024, 256), (128, 8), (32, 4))
"""Characters of a text and items of a list in line 1; the next pair is tried when line 1 is too long."""
MAX_DISCLOSURE_TEXT_BYTES: Final = 500_000
"""Escaping at most doubles JSON text, and a disclosure line holds 1,048,576 bytes."""

_REMEMBERED: Final = 4096
_REMEMBERED_CHARS: Final = 256
_IDS: Final = frozenset(("trace.id", "span.id", "span.parent_id", "action.id", "action.parent_id"))
_HEX: Final = re.compile(r"[0-9a-f]{16}|[0-9a-f]{32}")
_DIGESTS: Final = {"receipt.digest": re.compile(r"[0-9a-f]{64}")}
"""Digests that are made here, by their shape; `receipt.record` is a peer's text, and is masked."""
_OWN_PREFIXES: Final = ("session.", "recovered.", "emitter.")
_OPTIONS: Final = orjson.OPT_NON_STR_KEYS

Hits = dict[str, int]


@dataclass(frozen=True, slots=True)
class Masking:
    """A masker with the names under which records state it, and the short texts that it left as they were."""

    masker: Masker
    policy_digest: str
    key_id: str
    clean: set[str] = field(default_factory=set, compare=False)

    @classmethod
    def of(cls, key: TokenKey, policy: MaskPolicy | None = None) -> "Masking":
        """Return the masking by `policy` (ours by default) with the token key `key`."""
        chosen = policy or default_policy()
        return cls(Masker(chosen, key.secret, key.key_id), chosen.digest, key.key_id)


@dataclass(frozen=True, slots=True)
class Prepared:
    """A payload, measured and masked: what every record that holds it says of it."""

    value: object
    """Raw; to be masked again where the masking has changed, and to be kept whole."""
    masking: Masking
    statement: Mapping[str, JsonValue]
    text: str
    hits: Mapping[str, int]


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
            statement[name] = _digest(masking, kind, value.encode("utf-8", "replace"))
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
        return self._prepared(self.masking, name, value, tool)

    def digest(self, kind: str, value: bytes) -> str:
        """Return the keyed digest of exactly these bytes. Raises RecordError without a token key."""
        return _digest(self.masking, kind, value)

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
            kind = type(value)
            is_plain = kind is int or kind is bool or (kind is str and value in clean)
            if is_plain or _is_exempt(name, value, is_own=is_own):
                statement[name] = value
            elif kind is str:
                statement[name] = _text(masking, name, value, hits)
            else:
                statement[name] = _compound(masking, name, value, hits)

    def _disclosures(
        self, masking: Masking, draft: event.Draft, statement: event.Statement, hits: Hits
    ) -> dict[str, str]:
        found: dict[str, str] = {}
        for name, value in draft.disclosures.items():
            tool = str(draft.statement.get("tool.name") or "") if name in FIELDS else ""
            if name in PAYLOADS:
                one = self._prepared(masking, name, value, tool)
                statement |= one.statement
                _count_again(one.hits, hits)
                found[name] = one.text
                if one.statement.get(f"{name}.truncated") and f"{name}.digest" in one.statement:
                    found |= self._whole(masking, name, one.value, statement, hits, draft)
                continue
            is_short = isinstance(value, str) and len(value) <= self._max_value_bytes
            shown = value if is_short else self._fitting(value)
            found[name] = _disclosed(masking, name, shown, hits, tool)
        return found

    def _prepared(self, masking: Masking, name: str, value: object, tool: str) -> Prepared:
        """Measure and mask a payload, unless that was done, and with this masking."""
        if isinstance(value, Prepared):
            if value.masking is masking and f"{name}.truncated" not in value.statement:
                return value  # else: the whole is read again, so all that is said of it is, too
            value = value.value
        stated: event.Statement = {}
        hits: Hits = {}
        text = _disclosed(masking, name, self._payload(masking, name, value, stated), hits, tool)
        if _is_beyond_limits(masking, name, tool, hits):
            stated.setdefault(f"{name}.truncated", True)
        return Prepared(value, masking, stated, text, hits)

    def _payload(
        self, masking: Masking, name: str, value: object, statement: event.Statement
    ) -> object:
        measured = payload.measure(value)
        if measured is None:
            return self._fitting(value)
        statement[f"{name}.size_bytes"] = measured.size_bytes
        statement[f"{name}.digest"] = _digest(masking, name, measured.canonical)
        shown, is_preview = payload.fit(value, measured.size_bytes, self._max_value_bytes)
        if is_preview:
            statement[f"{name}.truncated"] = True
        return shown

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
        size_bytes, digest = statement[f"{name}.size_bytes"], statement[f"{name}.digest"]
        large = Large(value, name, tool, int(size_bytes), str(digest))
        kept = self._whole_values.keep(masking.masker, large)
        _count(f"{name}.blob", kept.hits, hits)
        return {f"{name}.blob": kept.text}

    def _fitting(self, value: object) -> object:
        measured = payload.measure(value)
        if measured is None:
            return WITHHELD_MARKER
        return payload.fit(value, measured.size_bytes, self._max_value_bytes)[0]


def _is_beyond_limits(masking: Masking, name: str, tool: str, hits: Hits) -> bool:
    """Tell whether masking withheld of a value what it would not look at, and not what a rule withholds."""
    policy = masking.masker.policy
    if not hits.get(f"{name}:{WITHHELD}") or policy.select(tool, name) is not None:
        return False
    return all(policy.mode(kind) is not Mode.WITHHOLD for kind in ALL)


def _is_exempt(name: str, value: JsonValue, *, is_own: bool) -> bool:
    """Tell what no masking may change: random ids and hashes, by their shape, and what this package made itself."""
    if is_own and name.startswith(_OWN_PREFIXES):
        return True
    form = _HEX if name in _IDS else _DIGESTS.get(name)
    return form is not None and isinstance(value, str) and form.fullmatch(value) is not None


def _digest(masking: Masking, kind: str, value: bytes) -> str:
    digest = masking.masker.digest(kind, value)
    if digest is None:
        raise RecordError(
            "a keyed digest was asked for without a token key; enrol, or restore token.key"
        )
    return digest


def _disclosed(masking: Masking, name: str, value: object, hits: Hits, tool: str) -> str:
    masked = masking.masker.mask(value, tool, name)
    _count(name, masked.hits, hits)
    known = BY_NAME.get(name)
    if isinstance(masked.value, str) and (known is None or known.type != "json"):
        return masked.value
    text = orjson.dumps(masked.value, option=_OPTIONS)
    if len(text) > MAX_DISCLOSURE_TEXT_BYTES:
        _count(name, {"withheld": 1}, hits)
        return f'"{WITHHELD_MARKER}"'
    return text.decode()


def _text(masking: Masking, name: str, text: str, hits: Hits) -> str:
    longest = STATEMENT_LIMITS[0][0]
    masked = masking.masker.mask_text(
        text if len(text) <= longest else payload.cut_text(text, longest)
    )
    shown = masked.value if isinstance(masked.value, str) else WITHHELD_MARKER
    if masked.hits:
        _count(name, masked.hits, hits)
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


def _count_again(found: Mapping[str, int], hits: Hits) -> None:
    for key, times in found.items():
        hits[key] = hits.get(key, 0) + times


def _count(name: str, found: Mapping[str, int], hits: Hits) -> None:
    _count_again({f"{name}:{kind}": times for kind, times in found.items()}, hits)
