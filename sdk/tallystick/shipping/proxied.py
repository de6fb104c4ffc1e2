"""The connection through a proxy, where the environment names one for the service: `requests` knows them all.

HTTPS_PROXY, HTTP_PROXY, ALL_PROXY and NO_PROXY, in capitals or not, with names and passwords (docs/settings.md).
Slower than the direct connection, and imported only where the environment names a proxy.
"""

from collections.abc import Iterator, Mapping
from typing import Final

import requests
import urllib3
from requests.utils import get_environ_proxies, select_proxy

from tallystick.certificates import shown_certificate
from tallystick.shipping.direct import ANSWER_S, CONNECT_S, Reply

_CHUNK_BYTES: Final = 65_536


def has_proxy(endpoint: str) -> bool:
    """Whether requests to `endpoint` go through a proxy."""
    return select_proxy(endpoint, get_environ_proxies(endpoint)) is not None


class ProxiedConnection:
    """A session of `requests`. Not safe for threads."""

    errors: tuple[type[Exception], ...] = (OSError, urllib3.exceptions.HTTPError)
    """What `exchange` raises when no whole answer came back; errors of `requests` are OSErrors."""

    def __init__(self, endpoint: str, api_key: str | None) -> None:
        """Prepare for `endpoint`."""
        self._endpoint = endpoint
        self._session = requests.Session()
        self._session.auth = _Bearer(api_key)
        self._session.cert = shown_certificate()

    def exchange(
        self,
        method: str,
        path: str,
        body: bytes | None,
        headers: Mapping[str, str],
        limit_bytes: int,
    ) -> Reply:
        """Send a request, and return the answer; of a body over `limit_bytes` the beginning, more than that."""
        with self._session.request(
            method,
            self._endpoint + path,
            data=body,
            headers=dict(headers),
            timeout=(CONNECT_S, ANSWER_S),
            allow_redirects=False,
            stream=True,
        ) as response:
            content = b"".join(_chunks(response, limit_bytes))
            found = {name.lower(): value for name, value in response.headers.items()}
            return response.status_code, found, content

    def close(self) -> None:
        """Close the connection. Idempotent."""
        self._session.close()


class _Bearer:
    """Sets the key; as an `auth`, so that requests does not look for one in .netrc."""

    def __init__(self, api_key: str | None) -> None:
        self._api_key = api_key

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        if self._api_key:
            request.headers["Authorization"] = f"Bearer {self._api_key}"
        return request


def _chunks(response: requests.Response, limit_bytes: int) -> Iterator[bytes]:
    left_bytes = limit_bytes
    for chunk in response.iter_content(_CHUNK_BYTES):
        left_bytes -= len(chunk)
        yield chunk
        if left_bytes < 0:
            return
