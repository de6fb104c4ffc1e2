"""Documents of an identity provider: one request each, bounded in time and size, with no redirect followed.

A provider's address is https, or http on this machine itself, and comes from the operator's settings or from
what the provider at such an address says of itself; never from a token.
"""

import time
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import quote_plus, urlsplit

import requests

from tallystick.errors import ConfigError
from tallystick.shipping.client import Target, cause
from tallystick_ingest.auth.strict_json import json_object
from tallystick_ingest.otlp.incoming import BusyError

MAX_DOCUMENT_BYTES: Final = 256 * 1024
"""Ours: a hundred keys with their certificates."""
TIMEOUT_S: Final = (3.0, 5.0)
"""To connect, and between two parts of the answer."""
WHOLE_S: Final = 10.0
_CHUNK_BYTES: Final = 16 * 1024


class ProviderAwayError(BusyError):
    """The provider does not answer, or not with what it has to: 503, for it may do so later."""


def require_provider_address(url: str, named: str) -> str:
    """Return `url` if a provider may be there; raise ConfigError, with what it was to be, for any other."""
    try:
        parts = urlsplit(url)
        has_place = bool(parts.hostname) and parts.port != 0
    except ValueError:
        parts, has_place = urlsplit(""), False
    is_private = parts.scheme == "https" or (parts.scheme == "http" and Target(url).is_local)
    is_plain = "@" not in parts.netloc and not parts.fragment and url.isascii()
    if not (has_place and is_private and is_plain and url.isprintable() and " " not in url):
        raise ConfigError(
            f"{named} is an https address (http on this machine alone), with no user and no fragment, "
            f"got {url[:80]!r}"
        )
    return url


def fetch_object(url: str) -> Mapping[str, Any]:
    """Fetch a JSON object; raise ProviderAwayError when there is none, or no whole one in time."""
    return _read(url, lambda session: session.get(url, **_TERMS))


def post_form(
    url: str, form: Mapping[str, str], client_id: str, client_secret: str | None
) -> Mapping[str, Any]:
    """Post a form as a client and return the JSON object that answers it, also an error's; else as fetch_object.

    With a secret, the client proves itself by `client_secret_basic` (RFC 6749, section 2.3.1).
    """
    auth = None if client_secret is None else (quote_plus(client_id), quote_plus(client_secret))
    return _read(url, lambda session: session.post(url, form, auth=auth, **_TERMS), errors=True)


_TERMS: Final[dict[str, Any]] = {
    "headers": {"accept": "application/json"},
    "timeout": TIMEOUT_S,
    "allow_redirects": False,
    "stream": True,
}


def _read(url: str, ask: Any, *, errors: bool = False) -> Mapping[str, Any]:  # noqa: ANN401 - a request of requests
    host = urlsplit(url).netloc
    accepted = (200, 400, 401) if errors else (200,)
    with requests.Session() as session:
        session.trust_env = not Target(url).is_local  # proxies are for other machines
        try:
            with ask(session) as answer:
                if answer.status_code not in accepted:
                    raise ProviderAwayError(
                        f"{host} answers {answer.status_code} where a document was expected"
                    )
                return json_object(_bounded(answer, host))
        except requests.RequestException as error:
            raise ProviderAwayError(f"{host} does not answer: {cause(error)}") from None
        except ValueError as error:
            raise ProviderAwayError(f"{host} does not answer with a JSON object: {error}") from None


def _bounded(answer: requests.Response, host: str) -> bytes:
    end_s = time.monotonic() + WHOLE_S
    body = b""
    for chunk in answer.iter_content(_CHUNK_BYTES):
        body += chunk
        if len(body) > MAX_DOCUMENT_BYTES:
            raise ProviderAwayError(f"{host} answers with more than {MAX_DOCUMENT_BYTES} bytes")
        if time.monotonic() > end_s:
            raise ProviderAwayError(f"{host} did not answer whole within {WHOLE_S:g} seconds")
    return body
