"""Where values stand: the documents that tools really return, with harmless data beside the value.

What stands beside a value (a decoy) has to survive; a carrier that changes the spelling of its text says
so by leaving the decoy out of what has to be found again.
"""

import base64
import html
import json
import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, quote_plus

from tests.corpus.decoys import decoy
from tests.corpus.locales import Locale
from tests.corpus.values import Value

Draw = random.Random


@dataclass(frozen=True)
class Carried:
    """A document with one value in it."""

    document: Any
    decoys: tuple[str, ...]


@dataclass(frozen=True)
class Scene:
    """What a carrier is made of."""

    draw: Draw
    locale: Locale
    value: Value

    @property
    def text(self) -> str:
        return self.value.text

    def key(self) -> str:
        return self.draw.choice(self.value.keys)

    def prose(self) -> str:
        """Give a sentence with the value, labelled where the value needs it."""
        if self.value.is_strong and self.draw.random() < 0.5:
            return self.locale.sentence.format(self.text)
        return self.locale.sentence.format(f"{self.value.label}: {self.text}")

    def person(self) -> str:
        return f"{self.draw.choice(self.locale.first)} {self.draw.choice(self.locale.last)}"


def record(scene: Scene) -> Carried:
    other = decoy(scene.draw)
    return Carried({"id": 7, scene.key(): scene.text, "ref": other}, (other,))


def deep_record(scene: Scene) -> Carried:
    other = decoy(scene.draw)
    inner = {"status": "open", scene.key(): scene.text}
    return Carried({"data": {"items": [{"ref": other, "details": inner}]}, "total": 1}, (other,))


def content_text(scene: Scene) -> Carried:
    other = decoy(scene.draw)
    text = json.dumps({"ok": True, scene.key(): scene.text, "ref": other})
    return Carried({"content": [{"type": "text", "text": text}]}, (other,))


def twice_nested(scene: Scene) -> Carried:
    inner = json.dumps({"rows": [{scene.key(): scene.text}]}, ensure_ascii=False)
    return Carried({"result": json.dumps({"body": inner, "code": 200})}, ())


def broken_json(scene: Scene) -> Carried:
    inner = json.dumps({scene.key(): scene.text, "n": [1, 2]})
    return Carried(f"Partial response: {inner[:-1]} ... (truncated)", ())


def sentence(scene: Scene) -> Carried:
    other = decoy(scene.draw)
    return Carried({"note": f"{scene.prose()} ({other})"}, (other,))


def letter(scene: Scene) -> Carried:
    text = (
        f"{scene.person()}\nExample Street 5\n\n{scene.prose()}\n\nKind regards\n{scene.person()}"
    )
    return Carried(text, ())


def table(scene: Scene) -> Carried:
    other = decoy(scene.draw)
    gap = scene.draw.choice((",", ";", "\t"))
    value = f'"{scene.text}"' if "\n" in scene.text or gap in scene.text else scene.text
    rows = (("id", scene.key(), "ref"), ("1", value, other), ("2", "", other))
    return Carried("\n".join(gap.join(row) for row in rows) + "\n", (other,))


def markdown_table(scene: Scene) -> Carried:
    other = decoy(scene.draw)
    head = f"| id | {scene.key()} | ref |\n|---|---|---|\n"
    return Carried(f"{head}| 1 | {scene.text} | {other} |\n", (other,))


def markdown_list(scene: Scene) -> Carried:
    other = decoy(scene.draw)
    return Carried(f"# Result\n\n- **{scene.key()}**: {scene.text}\n- ref: {other}\n", (other,))


def page_list(scene: Scene) -> Carried:
    text = html.escape(scene.text)
    return Carried(f"<ul><li><b>{scene.key()}</b>: {text}</li><li>status: open</li></ul>", ())


def log_line(scene: Scene) -> Carried:
    other = decoy(scene.draw)
    stamp = f"2026-11-{scene.draw.randrange(1, 29):02d}T10:59:11.120Z"
    text = f'{stamp} INFO svc.customers ref={other} {scene.key()}="{scene.text}" took 12.3ms'
    return Carried(text, (stamp,))


def yaml(scene: Scene) -> Carried:
    other = decoy(scene.draw)
    return Carried(f"id: 7\n{scene.key()}: '{scene.text}'\nref: {other}\n", (other,))


def environment(scene: Scene) -> Carried:
    name = scene.key().upper().replace("-", "_")
    return Carried(f"PATH=/usr/bin\n{name}={scene.text}\nTZ=UTC\n", ("/usr/bin",))


def traceback(scene: Scene) -> Carried:
    text = (
        'Traceback (most recent call last):\n  File "/srv/app/customers.py", line 118, in find\n'
        f"    row = self.rows[key]\nValueError: {scene.value.label}: {scene.text!r} is not valid\n"
    )
    return Carried(text, ("/srv/app/customers.py", "line 118"))


def exception(scene: Scene) -> Carried:
    return Carried(ValueError(f"no customer with {scene.value.label} {scene.text}"), ())


def url(scene: Scene) -> Carried:
    escape = scene.draw.choice((quote, quote_plus, lambda text: quote(text, safe="")))
    link = f"https://api.example.com/v2/find?page=2&{quote(scene.key())}={escape(scene.text)}&n=1"
    return Carried({"url": link}, ("https://api.example.com/v2/find",))


def url_in_url(scene: Scene) -> Carried:
    inner = quote(f"/x?{quote(scene.key())}={quote(scene.text, safe='')}", safe="")
    return Carried({"url": f"https://login.example.com/?next={inner}"}, ())


def page(scene: Scene) -> Carried:
    text = html.escape(scene.text)
    body = f"<tr><td>{scene.value.label}:</td><td>{text}</td></tr>"
    return Carried(f"<html><body><table>{body}</table></body></html>", ())


def xml(scene: Scene) -> Carried:
    name = scene.key().replace(" ", "_")
    return Carried(f"<customer><id>7</id><{name}>{html.escape(scene.text)}</{name}></customer>", ())


def sql(scene: Scene) -> Carried:
    text = f"UPDATE customers SET {scene.key()} = '{scene.text}' WHERE id = 7"  # noqa: S608  # data, never run
    return Carried({"query": text}, ("UPDATE customers",))


def in_base64(scene: Scene) -> Carried:
    content = json.dumps({scene.key(): scene.text}, ensure_ascii=False).encode()
    return Carried({"blob": base64.b64encode(content).decode()}, ())


def data_url(scene: Scene) -> Carried:
    content = base64.b64encode(scene.prose().encode()).decode()
    return Carried({"image": f"data:text/plain;base64,{content}"}, ())


def in_bytes(scene: Scene) -> Carried:
    return Carried(scene.prose().encode(), ())


def alone(scene: Scene) -> Carried:
    return Carried([scene.text, "ok"], ("ok",))


def as_key(scene: Scene) -> Carried:
    return Carried({scene.text: {"status": "open"}}, ("open",))


def as_number(scene: Scene) -> Carried:
    bare = "".join(filter(str.isalnum, scene.text))
    is_number = bare.isdecimal() and bare[0] != "0" and scene.value.kind != "ip"
    return Carried({scene.key(): int(bare)}, ()) if is_number else record(scene)


def attributes(scene: Scene) -> Carried:
    pairs = [
        {"key": scene.key(), "value": {"stringValue": scene.text}},
        {"key": "http.status_code", "value": {"intValue": 200}},
    ]
    return Carried({"attributes": pairs}, ())


LABELLED: tuple[Callable[[Scene], Carried], ...] = (
    *(record, deep_record, content_text, twice_nested, broken_json, sentence, letter, table),
    *(
        markdown_table,
        markdown_list,
        page_list,
        log_line,
        yaml,
        environment,
        traceback,
        url,
        url_in_url,
        page,
        xml,
        sql,
    ),
    *(in_base64, data_url, in_bytes, as_number, attributes),
)
"""Carriers that name the value in some way."""
SILENT: tuple[Callable[[Scene], Carried], ...] = (alone, as_key, exception)
"""Carriers for values that show what they are."""
MULTILINE = frozenset((record, deep_record, content_text, twice_nested, in_bytes, alone, in_base64))
"""Carriers that hold a text of several lines, such as a private key, as it is."""


def carry(draw: Draw, locale: Locale, value: Value) -> tuple[str, Carried]:
    """Put a value into a carrier that fits it; return the carrier's name too."""
    carriers = (*LABELLED, *SILENT) if value.is_strong else LABELLED
    if "\n" in value.text:
        carriers = tuple(one for one in carriers if one in MULTILINE)
    if "://" in value.text:
        carriers = tuple(one for one in carriers if one not in (page, page_list, xml, environment))
    chosen = draw.choice(carriers)
    return chosen.__name__, chosen(Scene(draw, locale, value))
