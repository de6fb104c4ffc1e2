"""Keys in the light of each other: what stands beside and above a key decides where its name alone cannot.

`name` beside `email` is a person's, beside `version` a thing's. What stands under `address` is
personal whatever its keys say. The names under a JSON Schema's `properties` name no data at all.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, TypeGuard

from tallystick.masking import kinds
from tallystick.masking.keys import (
    ADDRESS,
    IN_CONTEXT,
    PERSONAL,
    PLAIN,
    SCHEMAS,
    KeyRule,
    are_of_a_person,
    are_of_a_thing,
    key_rule,
    schema_rule,
)
from tallystick.masking.vocabulary import SCHEMA_NAMES, SCHEMA_WORDS

_PAIR: Final = 2
_NAME: Final = re.compile(r"-{0,2}[A-Za-z][0-9A-Za-z_.-]{1,63}")
"""The name of a header or a flag; a longer or freer text is no name."""


def rules_in_context(
    named: Mapping[str, object], rules: Mapping[str, KeyRule], above: KeyRule
) -> dict[str, KeyRule]:
    """Return the rules of a mapping's keys in the light of each other and of the key above."""
    is_person = above.is_person or are_of_a_person(rules.values())
    is_thing = not is_person and are_of_a_thing(named)
    decided: dict[str, KeyRule] = {}
    for name, rule in rules.items():
        found = _of_schema(name, rule, named[name], above) or _inherited(name, rule, named, above)
        if found.shape is not None:
            is_personal = is_person or (found is ADDRESS and isinstance(named[name], dict))
            found = PERSONAL if is_personal else PLAIN if is_thing else found
        decided[name] = found
    return decided


def are_steady(rules: Iterable[KeyRule]) -> bool:
    """Whether such keys are judged alike whatever values they have."""
    return not any(rule is IN_CONTEXT or rule is ADDRESS for rule in rules)


def names_secret(item: object) -> TypeGuard[str | bytes]:
    """Whether the item is the name of a secret, such as a header's or a command-line flag's."""
    if not isinstance(item, str | bytes) or not _NAME.fullmatch(as_name(item)):
        return False
    rule = key_rule(as_name(item))
    return rule.is_certain and rule.kind == kinds.SECRET


def is_secret_pair(item: object) -> TypeGuard[Sequence[str | bytes]]:
    """Whether the item is a name of a secret together with its value."""
    return isinstance(item, list | tuple) and len(item) == _PAIR and names_secret(item[0])


def as_name(item: str | bytes) -> str:
    """Return the name that a header or a flag is."""
    return item.decode("latin-1") if isinstance(item, bytes) else item


def _of_schema(name: str, rule: KeyRule, item: object, above: KeyRule) -> KeyRule | None:
    if above is SCHEMAS:
        return schema_rule(rule)
    if name in SCHEMA_NAMES and _are_schemas(item):
        return SCHEMAS
    if above.schema_of is not None and name not in SCHEMA_WORDS:
        return above.schema_of
    return None


def _inherited(name: str, rule: KeyRule, named: Mapping[str, object], above: KeyRule) -> KeyRule:
    """Return the rule above where it covers what is inside; of `{"key": K, "value": V}`, the rule of K."""
    if rule.is_certain and rule.kind == kinds.SECRET:
        return rule
    if above.is_certain:
        return above
    key = named.get("key", named.get("name")) if name == "value" else None
    return key_rule(key) if isinstance(key, str) else rule


def _are_schemas(item: object) -> bool:
    return (
        isinstance(item, dict)
        and bool(item)
        and all(
            isinstance(one, bool) or (isinstance(one, dict) and not SCHEMA_WORDS.isdisjoint(one))
            for one in item.values()
        )
    )
