"""The client: what the screens ask the service, as the person who looks at them.

One call is one request on a connection of its own; nothing is kept between calls, least of all rights.
Every fault is a DashboardError that says what a screen can tell its reader.
"""

import io
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from http import HTTPStatus
from ipaddress import ip_address
from typing import Any, Final, NamedTuple
from urllib.parse import quote, urlencode

import orjson
import polars as pl
import requests

from tallystick.errors import TallystickError
from tallystick.shipping.client import Target, cause
from tallystick_dashboard import reason

Shape = Mapping[str, Any]
Query = Mapping[str, str | int | Sequence[str] | None]

TIMEOUT_S: Final = (3.0, 60.0)
"""To connect, and between two bytes of the answer."""
CHUNK_BYTES: Final = 1 << 16
PAGE_ROWS: Final = 100
ARROW_STREAM: Final = "application/vnd.apache.arrow.stream"
CURSOR_HEADER: Final = "Tallystick-Cursor"
_SERVER_ERROR: Final = 500
_FOR: Final = "x-forwarded-for"


class DashboardError(TallystickError):
    """The service gave no answer that a screen could show."""


class ServiceAwayError(DashboardError):
    """The service does not answer, or answers that it cannot now: try again."""


class NotSignedInError(DashboardError):
    """There is no session, or it has ended: sign in."""


class NotAllowedError(DashboardError):
    """The person is known and may not do this."""


class NotFoundError(DashboardError):
    """There is nothing under this name."""


class RefusedError(DashboardError):
    """The service refuses the request as it is, and says why."""


class Person(NamedTuple):
    """Who looks at the screen, and what they may do."""

    id: str
    name: str
    role: str
    scopes: tuple[str, ...]

    def may(self, scope: str) -> bool:
        """Whether the service would let them; it asks for itself each time."""
        return scope in self.scopes


class Login(NamedTuple):
    """A session that has begun."""

    token: str
    ends_us: int


class Begun(NamedTuple):
    """A log-in at the issuer that has begun: where to go, and what to bring back."""

    url: str
    binding: str
    is_secure: bool
    """The browser comes back by https."""


class ActionPage(NamedTuple):
    """One page of actions, newest first, and the cursor of the next older one."""

    frame: pl.DataFrame
    before: str | None


class Package(NamedTuple):
    """An evidence package or a blob on its way: close it when done."""

    chunks: Iterator[bytes]
    headers: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Client:
    """Asks the service at `url` with the token of a session; raises DashboardError and nothing else."""

    url: str
    token: str | None = field(default=None, repr=False)
    reason: str | None = field(default=None, repr=False)
    """Why names of people are asked for; None: they are withheld."""

    visitor: str | None = field(default=None, repr=False)
    """The address for which this asks: a service that trusts the dashboard as a proxy counts log-ins by it."""

    def asked_by(self, address: str) -> "Client":
        """Return a client that says from which address somebody comes; what is none is not passed on."""
        try:
            return replace(self, visitor=str(ip_address(address)))
        except ValueError:
            return replace(self, visitor=None)

    def because(self, reason: str | None) -> "Client":
        """Return a client that asks for names of people too, for a reason that goes on record."""
        return replace(self, reason=reason)

    def login(self, name: str, password: str) -> Login:
        """Begin a session of an account; NotSignedInError when the service knows no such person."""
        return _login(self._post("/api/v1/login", {"name": name, "password": password}))

    def login_by_link(self, token: str) -> Login:
        """Use the one-time link up and begin a session of the administrator."""
        return _login(self._post("/api/v1/login/link", {"token": token}))

    def sign_on_issuer(self) -> str | None:
        """Say at which issuer people log in; None: at none."""
        found = self._get("/api/v1/login/oidc")["issuer"]
        return None if found is None else str(found)

    def begin_sign_on(self) -> Begun:
        """Begin a log-in at the issuer."""
        found = self._post("/api/v1/login/oidc", {})
        return Begun(found["url"], found["binding"], bool(found["is_secure"]))

    def finish_sign_on(self, returned: Mapping[str, str]) -> Login:
        """Begin the session of whoever came back; NotSignedInError when the service believes it not."""
        return _login(self._post("/api/v1/login/oidc/callback", returned))

    def logout(self) -> None:
        """End the session."""
        self._post("/api/v1/logout", {})

    def me(self) -> Person:
        """Say whose session this is; NotSignedInError when it is nobody's."""
        found = self._get("/api/v1/me")
        return Person(found["id"], found["name"], found["role"] or "", tuple(found["scopes"]))

    def status(self) -> Shape:
        """Return what the service holds and how it fares: counts, keys of emitters, no content."""
        return self._get("/api/v1/status")

    def verification(self) -> Shape:
        """Return what the service's last check of itself found."""
        return _part(self._get("/api/v1/verification"), "verification")

    def verify_now(self) -> Shape:
        """Ask the service to check itself; needs the scope `export`."""
        return _part(self._post("/api/v1/verification", {}), "verification")

    def overview(self, since: str | int, until: str | int = "now") -> Shape:
        """Return counts of the period [since, until); moments as the service reads them."""
        return self._get("/api/v1/overview", {"from": since, "to": until})

    def integrity(self) -> Shape:
        """Return checkpoints, sessions with their gaps, keys and the last verification."""
        return self._get("/api/v1/integrity")

    def tools(self, after: str | None = None, limit: int = PAGE_ROWS) -> Shape:
        """Return one page of the tools that are known, changed ones first, with `after` for the next one."""
        return self._get("/api/v1/tools", {"limit": limit, "after": after})

    def tool_history(self, key: Query) -> Shape:
        """Return the definitions of one tool, newest first; NotFoundError for one that nobody recorded."""
        return self._get("/api/v1/tools/history", key)

    def actions(
        self, query: Query, limit: int = PAGE_ROWS, before: str | None = None
    ) -> ActionPage:
        """Return one page of actions, newest first."""
        asked = {**query, "limit": limit, "before": before}
        headers = {"accept": ARROW_STREAM}
        with self._asked("GET", "/api/v1/actions", asked, headers=headers) as answer:
            frame = pl.read_ipc_stream(io.BytesIO(answer.content))
            return ActionPage(frame, answer.headers.get(CURSOR_HEADER))

    def traces(self, query: Query, limit: int = PAGE_ROWS, before: str | None = None) -> Shape:
        """Return one page of traces, newest first, with `before` for the next one."""
        return self._get("/api/v1/traces", {**query, "limit": limit, "before": before})

    def trace(self, trace_id: str) -> Shape:
        """Return the skeleton of one trace: what its rows need of events, spans and calls, packed in columns."""
        return self._get(f"/api/v1/traces/{_segment(trace_id)}/skeleton")

    def calls(self, trace_id: str, action_ids: Sequence[str]) -> Sequence[Shape]:
        """Return the calls of these actions, at most 200, stage by stage."""
        path = f"/api/v1/traces/{_segment(trace_id)}/calls"
        found: list[Shape] = self._get(path, {"action": action_ids})["calls"]
        return found

    def spans(self, trace_id: str, span_ids: Sequence[str]) -> Sequence[Shape]:
        """Return the spans with these ids, at most 200, with all of their attributes."""
        path = f"/api/v1/traces/{_segment(trace_id)}"
        found: list[Shape] = self._get(path, {"span": span_ids})["spans"]
        return found

    def event(self, log_index: int) -> Shape:
        """Return one record with all that proves it."""
        return self._get(f"/api/v1/events/{log_index}")

    def begin_export(self, period: tuple[str, str], regime: str, card: str | None) -> str:
        """Begin an export of a period [from, to); return its id. Needs the scope `export`."""
        body = {"from": period[0], "to": period[1], "regime": regime, "card": card}
        return str(self._post("/api/v1/exports", body)["id"])

    def exports(self) -> Sequence[Shape]:
        """Return every export that the service keeps, the newest first."""
        found: list[Shape] = self._get("/api/v1/exports")["exports"]
        return sorted(found, key=lambda one: -one["created_us"])

    def export(self, export_id: str) -> Shape:
        """Return how far an export is."""
        return self._get(f"/api/v1/exports/{_segment(export_id)}")

    def package(self, export_id: str) -> Package:
        """Open the package of an export that is done; it is streamed, never held whole."""
        return self._streamed(f"/api/v1/exports/{_segment(export_id)}/package")

    def blob(self, sha256: str) -> Package:
        """Open a value that is too large for its record; it is streamed too."""
        return self._streamed(f"/api/v1/blobs/sha256:{_segment(sha256)}")

    def ask(self, path: str) -> Shape:
        """Return what stands at an address of the API."""
        return self._get(path)

    def decide(self, path: str, body: Mapping[str, object]) -> Shape:
        """Send a decision; RefusedError says why the service does not take it."""
        return self._post(path, body)

    def _streamed(self, path: str) -> Package:
        stack = ExitStack()
        answer = stack.enter_context(self._asked("GET", path))

        def chunks() -> Iterator[bytes]:
            with stack:
                yield from answer.iter_content(CHUNK_BYTES)

        return Package(chunks(), dict(answer.headers))

    def _get(self, path: str, query: Query | None = None) -> Shape:
        with self._asked("GET", path, query or {}) as answer:
            return _object(answer.content)

    def _post(self, path: str, body: Mapping[str, object]) -> Shape:
        headers = {"content-type": "application/json"}
        with self._asked("POST", path, {}, orjson.dumps(dict(body)), headers) as answer:
            return _object(answer.content)

    @contextmanager
    def _asked(
        self,
        method: str,
        path: str,
        query: Query | None = None,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Iterator[requests.Response]:
        """Send one request; follow no redirect, which would take the token along."""
        target = Target(self.url, self.token)
        given = {name: value for name, value in (query or {}).items() if value not in (None, "")}
        address = f"{self.url}{path}" + (f"?{urlencode(given, doseq=True)}" if given else "")
        sent = {**(headers or {}), **self._credentials()}
        with requests.Session() as session:
            session.trust_env = not target.is_local  # proxies are for other machines
            try:
                with session.request(
                    method,
                    address,
                    data=body,
                    headers=sent,
                    timeout=TIMEOUT_S,
                    allow_redirects=False,
                    stream=True,
                ) as answer:
                    _check(answer)
                    yield answer
            except requests.RequestException as error:
                raise ServiceAwayError(
                    f"The service at {self.url} does not answer: {cause(error)}"
                ) from None

    def _credentials(self) -> dict[str, str]:
        held = {} if self.token is None else {"authorization": f"Bearer {self.token}"}
        if self.visitor is not None:
            held[_FOR] = self.visitor
        if self.reason is not None:
            held[reason.HEADER] = reason.header_value(self.reason)
        return held


def _check(answer: requests.Response) -> None:
    """Raise the error that an answer stands for."""
    if answer.status_code == HTTPStatus.OK:
        return
    said = _said(answer)
    if answer.status_code == HTTPStatus.TOO_MANY_REQUESTS:
        raise RefusedError(f"{said} (try again in {answer.headers.get('retry-after', 'a few')} s)")
    kind = _ERRORS.get(answer.status_code)
    if kind is not None:
        raise kind(said)
    if answer.status_code >= _SERVER_ERROR:
        raise ServiceAwayError(
            f"The service does not answer for now ({answer.status_code}): {said}"
        )
    raise RefusedError(said)


_ERRORS: Final[Mapping[int, type[DashboardError]]] = {
    HTTPStatus.UNAUTHORIZED: NotSignedInError,
    HTTPStatus.FORBIDDEN: NotAllowedError,
    HTTPStatus.NOT_FOUND: NotFoundError,
}


def _said(answer: requests.Response) -> str:
    try:
        return str(orjson.loads(answer.content)["error"])
    except (orjson.JSONDecodeError, KeyError, TypeError):
        return f"status {answer.status_code}; is this the address of a Tallystick service?"


def _object(body: bytes) -> Shape:
    try:
        found = orjson.loads(body)
    except orjson.JSONDecodeError:
        found = None
    if not isinstance(found, dict):
        raise ServiceAwayError(
            "The service does not answer with JSON; is this the address of a Tallystick service?"
        )
    return found


def _part(found: Shape, name: str) -> Shape:
    part: Shape = found[name]
    return part


def _login(found: Shape) -> Login:
    return Login(found["session"], found["ends_us"])


def _segment(text: str) -> str:
    return quote(text, safe="")
