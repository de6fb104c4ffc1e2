"""The command line's side of the query API: where the service is, and what it answers."""

import os
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from ipaddress import ip_address
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote, urlencode, urlsplit

import orjson
import requests

from tallystick.certificates import named_certificates, shown_certificate
from tallystick.config import load_config
from tallystick.credentials import CREDENTIALS_FILE, load_credentials, read_credentials
from tallystick.errors import ConfigError, ShipError, TallystickError
from tallystick.shipping.client import Answer, ServiceClient, Target, cause
from tallystick_ingest.auth.gate import OPERATOR_FILE

CHUNK_BYTES = 1 << 16
CONNECT_S = 5
"""Only to connect: a package of a long period takes as long as it takes."""
ANSWER_S = 60
"""For what is done at once."""
REASON_HEADER = "tallystick-reason"
_JSON_BODY: Final = {"content-type": "application/json"}


class AnswerError(TallystickError):
    """The service answered that it will not."""


@dataclass(frozen=True, slots=True)
class Questions:
    """Asks one service. Raises AnswerError and ShipError, which say what to do."""

    target: Target

    @classmethod
    def of_this_machine(cls) -> "Questions":
        """Ask the service of the settings, else the one in credentials.json."""
        config = load_config()
        held = load_credentials(config.home, config.endpoint)
        endpoint = config.endpoint or (held.url if held else None)
        if endpoint is None:
            raise ConfigError(
                "no service is known here: start one with `tallystick up`, "
                "or set TALLYSTICK_ENDPOINT and TALLYSTICK_API_KEY"
            )
        return cls(Target(endpoint, config.api_key or (held.api_key if held else None)))

    @classmethod
    def of_operator(cls, home: Path, secrets: Path) -> "Questions":
        """Ask as whoever runs the service: with TALLYSTICK_API_KEY, else with the token in its secrets.

        That token is shown to the service of this machine alone: at the address which that wrote into
        credentials.json of `home`. Raises ConfigError for any other, and where there is neither.
        """
        config = load_config(home=home)
        held = read_credentials(home / CREDENTIALS_FILE)
        endpoint = config.endpoint or (held.url.rstrip("/") if held else None)
        if endpoint is None:
            raise ConfigError(
                "no service is known here: start one with `tallystick up`, or set TALLYSTICK_ENDPOINT"
            )
        target = Target(endpoint, config.api_key)
        if config.api_key is None:
            if held is None or held.url.rstrip("/") != endpoint or not _is_here(target):
                raise ConfigError(
                    f"{endpoint} is not the service of this machine, and the operator's token goes "
                    "to no other: set TALLYSTICK_API_KEY to a key of that service with the scope keys"
                )
            target = Target(endpoint, _operator_token(secrets))
        return cls(target)

    def get(
        self, path: str, query: Mapping[str, object] | None = None, reason: str | None = None
    ) -> dict[str, Any]:
        """Fetch a JSON object; with a reason, names of people too."""
        client = ServiceClient(self.target)
        headers = {} if reason is None else {REASON_HEADER: quote(reason)}
        try:
            return _object(client.get(path + _query(query or {}), headers))
        finally:
            client.close()

    def get_list(self, path: str) -> list[dict[str, Any]]:
        """Fetch a JSON array of objects."""
        client = ServiceClient(self.target)
        try:
            found = _answered(client.get(path))
        finally:
            client.close()
        if not isinstance(found, list):
            raise AnswerError("the service answers something that is no JSON array")
        return found

    def delete(self, path: str) -> None:
        """Delete what a path names."""
        session = requests.Session()
        session.trust_env = not self.target.is_local  # proxies are for other machines
        session.verify = named_certificates() or True
        session.cert = shown_certificate()
        headers = {"authorization": f"Bearer {self.target.api_key or ''}"}
        try:
            answer = session.delete(
                self.target.endpoint + path,
                headers=headers,
                timeout=ANSWER_S,
                allow_redirects=False,
            )
        except requests.RequestException as error:
            raise ShipError(f"{self.target.endpoint} does not answer: {cause(error)}") from None
        finally:
            session.close()
        if answer.status_code != HTTPStatus.OK:
            raise AnswerError(said(answer.status_code, answer.content))

    def post(self, path: str, body: Mapping[str, object]) -> dict[str, Any]:
        """Post a JSON object, and read one."""
        client = ServiceClient(self.target)
        try:
            return _object(client.post(path, orjson.dumps(dict(body)), _JSON_BODY))
        finally:
            client.close()

    def put(self, path: str, body: Mapping[str, object]) -> dict[str, Any]:
        """Put a JSON object in the place of another, and read one."""
        client = ServiceClient(self.target)
        try:
            return _object(client.put(path, orjson.dumps(dict(body)), _JSON_BODY))
        finally:
            client.close()

    def download(self, path: str, query: Mapping[str, object], target: Path) -> int:
        """Stream an answer into a file, which is there whole or not at all; return its size."""
        partial = target.with_name(f"{target.name}.{os.getpid()}.part")
        session = requests.Session()
        session.trust_env = not self.target.is_local  # proxies are for other machines
        session.verify = named_certificates() or True
        session.cert = shown_certificate()
        headers = {"authorization": f"Bearer {self.target.api_key or ''}"}
        url = self.target.endpoint + path + _query(query)
        try:
            with (
                session.get(url, headers=headers, timeout=(CONNECT_S, None), stream=True) as answer,
                partial.open("xb") as file,
            ):
                if answer.status_code != HTTPStatus.OK:
                    raise AnswerError(said(answer.status_code, answer.content))
                for chunk in answer.iter_content(CHUNK_BYTES):
                    file.write(chunk)
                file.flush()
                os.fsync(file.fileno())
            partial.replace(target)
            return target.stat().st_size
        except requests.RequestException as error:
            raise ShipError(f"{self.target.endpoint} does not answer: {cause(error)}") from None
        except OSError as error:
            raise ConfigError(f"cannot write {target}: {error.strerror}") from error
        finally:
            partial.unlink(missing_ok=True)
            session.close()


def segment(text: str) -> str:
    """Return a text as one segment of a path."""
    return quote(text, safe="")


def _is_here(target: Target) -> bool:
    """Whether an address is this machine's own, so that nothing of what is sent to it reaches a network."""
    if target.is_local:
        return True
    host = urlsplit(target.endpoint).hostname or ""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        ip_address(host)
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.bind((host, 0))
    except (OSError, ValueError):
        return False
    return True


def _operator_token(secrets: Path) -> str:
    try:
        return (secrets / OPERATOR_FILE).read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(
            f"the secrets of the service in {secrets} cannot be read: set TALLYSTICK_API_KEY to a key "
            "with the scope keys, or name the directory with --secrets"
        ) from error


def _query(query: Mapping[str, object]) -> str:
    given = {name: value for name, value in query.items() if value is not None}
    return f"?{urlencode(given)}" if given else ""


def _answered(answer: Answer) -> Any:  # noqa: ANN401 - any JSON value
    if answer.status != HTTPStatus.OK:
        raise AnswerError(said(answer.status, answer.body))
    return orjson.loads(answer.body)


def _object(answer: Answer) -> dict[str, Any]:
    found = _answered(answer)
    if not isinstance(found, dict):
        raise AnswerError("the service answers something that is no JSON object")
    return found


def said(status: int, body: bytes) -> str:
    """Return what an answer that refuses says, for a person."""
    try:
        return f"the service answers {status}: {orjson.loads(body)['error']}"
    except (orjson.JSONDecodeError, KeyError, TypeError):
        return f"the service answers {status}: is this the address of a Tallystick service?"
