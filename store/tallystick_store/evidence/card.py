"""The system card: what an operator states about a system, read strictly, with its lines.

Logs show what ran; who answers for it, what it is for and what was meant to run stands in a YAML file
of the operator's. It is data: no tags, anchors or unknown fields, and every value has one form. A
field that is absent stays absent (an empty card is a card); what depends on it is then open.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, Final, TypeAlias

import yaml

from tallystick.calendar_span import SPAN_FORM, parse_duration
from tallystick.errors import ConfigError, VerificationError
from tallystick.profile import JsonValue
from tallystick.tlog.note import parse_vkey

MAX_CARD_BYTES: Final = 128 * 1024
"""It travels in a JSON body of at most 256 KiB."""
MAX_TEXT_CHARS: Final = 8_192
_MAX_SHOWN: Final = 60
_NULL: Final = "tag:yaml.org,2002:null"
_STRANGE_TAG: Final = re.compile(r"tag:yaml\.org,2002:(?!str|int|float|bool|null|timestamp)")

Reader: TypeAlias = Callable[[yaml.Node, str], JsonValue]
"""Reads one node; the text is the path of the field, for errors. None: stated as nothing."""


class CardError(ConfigError):
    """The system card is not one: names the line and the field."""


@dataclass(frozen=True, slots=True)
class CardField:
    """One field: how it is read, and whether a card is incomplete without it."""

    read: Reader
    is_mandatory: bool = False


@dataclass(frozen=True, slots=True)
class SystemCard:
    """A card: the exact text, and its values as block -> field -> value."""

    text: str
    values: Mapping[str, Mapping[str, JsonValue]]

    def get(self, path: str) -> JsonValue:
        """Return the value of `block.field`, or of a whole block; None where nothing is stated."""
        block, _, name = path.partition(".")
        found = self.values.get(block)
        return found if found is None or not name else found.get(name)

    def texts(self, path: str, key: str = "name") -> list[str]:
        """Return a list of texts, or `key` of each item of a list."""
        return [item if isinstance(item, str) else item[key] for item in self.get(path) or ()]


def parse_card(text: str) -> SystemCard:
    """Read a card; raise CardError with line and field for anything that is not in its form."""
    if len(text.encode("utf-8", "replace")) > MAX_CARD_BYTES:
        raise CardError(f"the system card is too large: expected at most {MAX_CARD_BYTES} bytes")
    try:
        root = yaml.compose(text, Loader=_CardLoader)
    except yaml.YAMLError as error:
        raise CardError(_yaml_fault(error)) from None
    except RecursionError:
        raise CardError("the system card is nested too deeply to be one") from None
    values: dict[str, Mapping[str, JsonValue]] = {}
    if root is not None and root.tag != _NULL:
        for name, node in _fields(root, "the system card", CARD):
            block = _read_block(node, name, CARD[name])
            if block:
                values[name] = block
    return SystemCard(text, values)


def mandatory_fields() -> list[str]:
    """Return the path of every field without which a card is incomplete."""
    return [
        f"{block}.{name}"
        for block, fields in CARD.items()
        for name, field in fields.items()
        if field.is_mandatory
    ]


class _CardLoader(yaml.SafeLoader):
    """SafeLoader without anchors: a small card must not mean a large one."""

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:  # noqa: ANN401 - as in the library
        event = self.peek_event()  # type: ignore[no-untyped-call]
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            raise yaml.composer.ComposerError(
                None, None, "anchors and aliases are not used in a card", event.start_mark
            )
        node: yaml.Node | None = super().compose_node(parent, index)
        return node


def _yaml_fault(error: yaml.YAMLError) -> str:
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    where = f", line {mark.line + 1}" if mark else ""
    problem = getattr(error, "problem", None) or getattr(error, "reason", None) or "not YAML"
    return f"the system card{where}: {_shown(str(problem))}"


def _fault(node: yaml.Node, path: str, expected: str, got: str) -> CardError:
    return CardError(
        f"the system card, line {node.start_mark.line + 1}: {path}: expected {expected}, got {got}"
    )


def _shown(text: str) -> str:
    """Return a text of the card's that may stand in a message: short, and without orders."""
    return ascii(text[:_MAX_SHOWN])[1:-1] + ("..." if len(text) > _MAX_SHOWN else "")


def _what(node: yaml.Node) -> str:
    if isinstance(node, yaml.ScalarNode):
        return f"'{_shown(node.value)}'"
    return "a list" if isinstance(node, yaml.SequenceNode) else "a mapping"


def _fields(
    node: yaml.Node, path: str, known: Mapping[str, object]
) -> Iterator[tuple[str, yaml.Node]]:
    """Yield name and node of each field of a mapping; refuse strange and repeated names."""
    if not isinstance(node, yaml.MappingNode) or not node.tag.endswith(":map"):
        raise _fault(node, path, "a mapping of fields", _what(node))
    seen: set[str] = set()
    for key, value in node.value:
        name = key.value if isinstance(key, yaml.ScalarNode) else ""
        if name not in known:
            raise _fault(key, path, f"one of {', '.join(known)}", _what(key))
        if name in seen:
            raise _fault(key, f"{path}.{name}", "a field once", "it twice")
        seen.add(name)
        yield name, value


def _read_block(node: yaml.Node, path: str, known: Mapping[str, CardField]) -> dict[str, JsonValue]:
    if node.tag == _NULL:
        return {}
    read = {
        name: known[name].read(value, f"{path}.{name}")
        for name, value in _fields(node, path, known)
    }
    return {name: value for name, value in read.items() if value not in (None, [])}


def _text(node: yaml.Node, path: str) -> JsonValue:
    """Read a text as it is written: 1.10 stays 1.10."""
    if not isinstance(node, yaml.ScalarNode) or _STRANGE_TAG.match(node.tag):
        raise _fault(node, path, "a text", _what(node))
    if node.tag == _NULL:
        return None
    if not node.tag.startswith("tag:yaml.org,2002:"):
        raise _fault(node, path, "a text without a tag", _shown(node.tag))
    if len(node.value) > MAX_TEXT_CHARS:
        raise _fault(node, path, f"at most {MAX_TEXT_CHARS} characters", str(len(node.value)))
    return node.value or None


def _scalar(expected: str, accept: Callable[[str], bool]) -> Reader:
    def read(node: yaml.Node, path: str) -> JsonValue:
        text = _text(node, path)
        if text is not None and not accept(text):
            raise _fault(node, path, expected, _what(node))
        return text

    return read


def _is_date(text: str) -> bool:
    try:
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False


def _is_vkey(text: str) -> bool:
    try:
        parse_vkey(text)
    except VerificationError:
        return False
    return True


def _is_span(text: str) -> bool:
    try:
        parse_duration(text)
    except ValueError:
        return False
    return True


_DAY: Final = _scalar("a date such as 2026-12-31", _is_date)
_SPAN: Final = _scalar(SPAN_FORM, _is_span)
_VKEY: Final = _scalar("a verification key such as name+0123abcd+AQ...", _is_vkey)


def _choice(*words: str) -> Reader:
    return _scalar(f"one of {', '.join(words)}", lambda text: text in words)


def _flag(node: yaml.Node, path: str) -> JsonValue:
    text = _scalar("true or false", lambda text: text in ("true", "false"))(node, path)
    return None if text is None else text == "true"


def _list(read: Reader) -> Reader:
    def read_list(node: yaml.Node, path: str) -> JsonValue:
        if node.tag == _NULL:
            return None
        if not isinstance(node, yaml.SequenceNode):
            raise _fault(node, path, "a list", _what(node))
        items = [read(item, f"{path}[{number}]") for number, item in enumerate(node.value, 1)]
        for item, value in zip(node.value, items, strict=True):
            if value is None:
                raise _fault(item, path, "a value in each line of the list", "nothing")
        return items

    return read_list


def _items(required: str, **known: Reader) -> Reader:
    """Read a list of mappings; the fields named in `required` must be there."""
    fields = {name: CardField(read) for name, read in known.items()}

    def read_item(node: yaml.Node, path: str) -> JsonValue:
        value = _read_block(node, path, fields)
        for name in required.split():
            if name not in value:
                raise _fault(node, path, f"the field {name}", "none")
        return value

    return _list(read_item)


def _must(read: Reader) -> CardField:
    return CardField(read, is_mandatory=True)


def _may(read: Reader) -> CardField:
    return CardField(read)


_TEXTS: Final = _list(_text)

CARD: Final[dict[str, dict[str, CardField]]] = {
    "identity": {
        "system_id": _must(_text),
        "name": _must(_text),
        "version": _must(_text),
        "reference": _may(_text),
        "eu_database_id": _may(_text),
        "environments": _must(_TEXTS),
        "member_states": _may(_TEXTS),
    },
    "operator": {
        "role": _must(_choice("provider", "deployer", "both", "other")),
        "legal_name": _must(_text),
        "address": _must(_text),
        "contact": _must(_text),
        "provider_name": _may(_text),
        "authorised_representative": _may(_text),
        "sector_law": _may(_TEXTS),
    },
    "purpose": {
        "intended_purpose": _must(_text),
        "users": _must(_text),
        "affected_groups": _must(_text),
        "foreseeable_misuse": _must(_text),
        "out_of_scope": _must(_text),
    },
    "classification": {
        "class": _must(
            _choice(
                "prohibited",
                "high-risk-annex-iii",
                "high-risk-annex-i",
                "article-50-only",
                "none",
            )
        ),
        "annex_iii_point": _may(_text),
        "basis": _must(_text),
        "decided_by": _must(_text),
        "date": _must(_DAY),
        "placed_on_market": _must(_DAY),
    },
    "oversight": {
        "persons": _must(
            _items(
                "id",
                id=_text,
                ref=_text,
                role=_text,
                valid_from=_DAY,
                valid_to=_DAY,
                competence=_text,
            )
        ),
        "gated_tools": _must(_TEXTS),
        "stop_procedure": _must(_text),
        "drill_interval": _must(_SPAN),
        "review_cadence": _must(_SPAN),
    },
    "inventory": {
        "agents": _must(_items("name", name=_text, version=_text, dormant=_flag)),
        "models": _must(_items("name", name=_text, aliases=_TEXTS)),
        "servers": _must(_items("name", name=_text, dormant=_flag)),
        "tools": _must(
            _items("name", name=_text, risk_tier=_text, expected_effect=_text, dormant=_flag)
        ),
    },
    "changes": {"predetermined": _may(_TEXTS), "concluded_by": _may(_text)},
    "monitoring": {
        "metrics": _must(_items("name", name=_text, threshold=_text, owner=_text)),
        "detectors": _must(_items("name", name=_text, cadence=_SPAN, sla=_SPAN)),
    },
    "data": {
        "categories": _must(_TEXTS),
        "masking_policy": _must(_text),
        "legal_bases": _must(_TEXTS),
        "recipients": _may(_TEXTS),
        "transfers": _may(_TEXTS),
        "dpia": _may(_text),
    },
    "logging": {
        "phases": _must(_TEXTS),
        "retention": _must(_items("class duration", **{"class": _text, "duration": _SPAN})),
        "regimes": _must(_TEXTS),
        "time_source": _must(_text),
        "anchor": _must(_text),
        "log_key": _may(_VKEY),
        "emitter_keys": _may(_list(_VKEY)),
        "hold_contacts": _must(_TEXTS),
    },
    "incidents": {
        "authorities": _must(_items("member_state authority", member_state=_text, authority=_text)),
        "contacts": _must(_TEXTS),
        "on_call": _may(_text),
        "awareness_rule": _must(_text),
    },
    "transparency": {
        "notices": _must(_items("id", id=_text, digest=_text, languages=_TEXTS, exemption=_text)),
    },
    "documents": {
        "held": _must(
            _items(
                "title",
                title=_text,
                provision=_text,
                digest=_text,
                version=_text,
                keep_until=_DAY,
                location=_text,
            )
        ),
    },
    "not_applicable": {
        "checks": _may(
            _items("check reason person date", check=_text, reason=_text, person=_text, date=_DAY)
        ),
    },
    "open_inputs": {
        "checks": _may(_items("check owner", check=_text, owner=_text, due=_DAY)),
    },
    "sign_off": {
        "name": _must(_text),
        "role": _must(_text),
        "date": _must(_DAY),
        "key": _may(_text),
    },
}
"""The whole card: block -> field -> how it is read. The order is that of a report."""

EMPTY_CARD: Final = SystemCard("", {})
