"""Seeded mutations of evidence packages: number n is the same on every machine."""

import contextlib
import json
import random
from collections.abc import Callable
from typing import Any

from tallystick.verify.manifest import PACKAGE_FILES
from tests.forge import Forgery
from tests.keys import KeyPair, key_pair

LINE_FILES = (
    "entries.ndjson",
    "events.ndjson",
    "seals.ndjson",
    "spans.ndjson",
    "context.ndjson",
    "checkpoints.ndjson",
)

Mutation = Callable[[Forgery, random.Random], None]


def flip_byte(package: Forgery, chance: random.Random) -> None:
    name = chance.choice(PACKAGE_FILES)
    content = bytearray(package.files[name])
    if content:
        content[chance.randrange(len(content))] ^= 1 << chance.randrange(8)
    package.files[name] = bytes(content)


def drop_lines(package: Forgery, chance: random.Random) -> None:
    name, lines = some_lines(package, chance)
    for _ in range(chance.randint(1, 2)):
        if lines:
            del lines[chance.randrange(len(lines))]
    package.put_lines(name, lines)


def repeat_line(package: Forgery, chance: random.Random) -> None:
    name, lines = some_lines(package, chance)
    if lines:
        lines.insert(chance.randrange(len(lines)), chance.choice(lines))
    package.put_lines(name, lines)


def shuffle_lines(package: Forgery, chance: random.Random) -> None:
    name, lines = some_lines(package, chance)
    chance.shuffle(lines)
    package.put_lines(name, lines)


def cut_file(package: Forgery, chance: random.Random) -> None:
    name = chance.choice(PACKAGE_FILES)
    package.files[name] = package.files[name][: chance.randrange(len(package.files[name]) + 1)]


def edit_number(package: Forgery, chance: random.Random) -> None:
    edit_value(package, chance, lambda value: value + chance.choice((-1, 1, 1000)), int)


def edit_text(package: Forgery, chance: random.Random) -> None:
    def change(text: str) -> str:
        position = chance.randrange(len(text) + 1)
        return text[:position] + chance.choice(("", "x", '"', "é")) + text[position + 1 :]

    edit_value(package, chance, change, str)


def empty_list(package: Forgery, chance: random.Random) -> None:
    edit_value(package, chance, lambda value: value[1:], list)


def edit_manifest(package: Forgery, chance: random.Random) -> None:
    def change(manifest: dict[str, Any]) -> None:
        name = chance.choice(sorted(manifest))
        value = manifest[name]
        manifest[name] = value + 1 if isinstance(value, int) else chance.choice(("x", 7, {}))

    package.edit_manifest(change)


def swap_statements(package: Forgery, chance: random.Random) -> None:
    lines = package.lines("events.ndjson")
    first, second = (chance.randrange(len(lines)) for _ in range(2))
    one, two = (json.loads(lines[position])["statement"] for position in (first, second))
    package.edit_line("events.ndjson", first, lambda line: line.update(statement=two))
    package.edit_line("events.ndjson", second, lambda line: line.update(statement=one))


def swap_files(package: Forgery, chance: random.Random) -> None:
    first, second = chance.sample(LINE_FILES, 2)
    files = package.files
    files[first], files[second] = files[second], files[first]


MUTATIONS: tuple[Mutation, ...] = (
    flip_byte,
    drop_lines,
    repeat_line,
    shuffle_lines,
    cut_file,
    edit_number,
    edit_text,
    empty_list,
    edit_manifest,
    swap_statements,
    swap_files,
)


def mutated(package: bytes, number: int, key: KeyPair) -> bytes:
    """Return mutation `number` of a package: signed again by `key`, by another key, or not at all."""
    chance = random.Random(number)
    forgery = Forgery.of(package)
    MUTATIONS[number % len(MUTATIONS)](forgery, chance)
    signer = chance.choice((key, key, key_pair(key.name, "forger"), None))
    if signer is not None:
        with contextlib.suppress(ValueError, AttributeError):  # the manifest is none any more
            forgery.sign(signer)
    content = bytearray(forgery.package())
    if number % 13 == 0:
        content[chance.randrange(len(content))] ^= 1 << chance.randrange(8)
    return bytes(content)


def some_lines(package: Forgery, chance: random.Random) -> tuple[str, list[bytes]]:
    name = chance.choice(LINE_FILES)
    return name, package.lines(name)


def edit_value(
    package: Forgery, chance: random.Random, change: Callable[[Any], Any], kind: type
) -> None:
    """Change one value of a kind in one line of one file, if it has any."""
    name, lines = some_lines(package, chance)
    if not lines:
        return

    def edit(line: dict[str, Any]) -> None:
        names = [key for key, value in line.items() if type(value) is kind]
        if names:
            key = chance.choice(names)
            line[key] = change(line[key])

    package.edit_line(name, chance.randrange(len(lines)), edit)
