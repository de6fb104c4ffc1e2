"""Following a service's live tail: actions as they are committed, each once, across breaks of the connection."""

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import urlencode

import orjson
import requests

from tallystick.certificates import named_certificates, shown_certificate
from tallystick.errors import ShipError
from tallystick.shipping.client import Target, cause, is_untrusted
from tallystick_ingest.questions import AnswerError, said

CONNECT_S: Final = 5.0
SILENCE_S: Final = 60.0
"""Four heartbeats that did not come: the connection is taken for dead."""
FIRST_PAUSE_S: Final = 1.0
LONGEST_PAUSE_S: Final = 30.0
_AGAIN: Final = (HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE)


@dataclass(frozen=True, slots=True)
class Event:
    """One server-sent event; `data` is empty for a heartbeat."""

    name: str
    data: str
    id: str | None


def read_events(lines: Iterator[bytes]) -> Iterator[Event]:
    """Read server-sent events as WHATWG HTML, section 9.2, has them; unknown fields are left out."""
    fields: dict[str, str] = {}
    for line in lines:
        text = line.decode("utf-8", "replace")
        if text:
            name, _, value = text.partition(":")
            fields[name] = value.removeprefix(" ")
        elif fields:
            yield Event(fields.get("event", "message"), fields.get("data", ""), fields.get("id"))
            fields = {}


@dataclass(slots=True)
class Following:
    """Follows one service from a place of its log on."""

    target: Target
    query: Mapping[str, object]
    after: str | None = None
    """Log index of the last action that was seen; None: from now on."""
    tell: Callable[[str], None] = lambda _: None
    """Is told why the connection broke."""
    pause: Callable[[float], None] = time.sleep

    def actions(self) -> Iterator[dict[str, Any]]:
        """Yield actions for ever.

        Raises AnswerError when the service refuses, or lets go for good, and ShipError when it shows a certificate
        that is not trusted.
        """
        pause_s = FIRST_PAUSE_S
        while True:
            try:
                for action in self._connected():
                    pause_s = FIRST_PAUSE_S
                    yield action
            except requests.RequestException as error:
                said = f"{self.target.endpoint} does not answer: {cause(error)}"
                if is_untrusted(error):
                    raise ShipError(said) from None
                self.tell(f"{said}; again in {pause_s:g} s")
            self.pause(pause_s)
            pause_s = min(LONGEST_PAUSE_S, 2 * pause_s)

    def _connected(self) -> Iterator[dict[str, Any]]:
        given = {name: value for name, value in self.query.items() if value is not None}
        url = f"{self.target.endpoint}/api/v1/live?{urlencode(given)}"
        headers = {"authorization": f"Bearer {self.target.api_key or ''}"}
        if self.after is not None:
            headers["last-event-id"] = self.after
        with requests.Session() as session:
            session.trust_env = not self.target.is_local  # proxies are for other machines
            session.verify = named_certificates() or True
            session.cert = shown_certificate()
            with session.get(
                url, headers=headers, stream=True, timeout=(CONNECT_S, SILENCE_S)
            ) as answer:
                if answer.status_code in _AGAIN:
                    return
                if answer.status_code != HTTPStatus.OK:
                    raise AnswerError(said(answer.status_code, answer.content))
                yield from self._heard(read_events(answer.iter_lines(chunk_size=None)))

    def _heard(self, events: Iterator[Event]) -> Iterator[dict[str, Any]]:
        for event in events:
            if event.name == "lagged":
                self.tell("this program was too slow; it goes on where it was")
            elif event.name == "end":
                self._note_end(orjson.loads(event.data)["reason"])
            elif event.name == "action":
                found: dict[str, Any] = orjson.loads(event.data)
                self.after = event.id
                yield found
            elif event.id is not None:
                self.after = event.id

    def _note_end(self, reason: str) -> None:
        if reason.startswith("the service stops"):
            self.tell(reason)
            return
        raise AnswerError(f"the service ends the tail: {reason}")
