"""The response to a request: that of the standard library, with a short way for the plain ones.

The standard library reads headers as those of an e-mail, which is most of what a response costs a thread that has
just woken. What is plain in every respect is read here: HTTP/1.1, a length, each header once on its line, all of
it there with the first bytes. Everything else, also what is no HTTP, is left to the standard library.
"""

import http.client
import re
from collections.abc import Mapping
from typing import Final

_PLAIN: Final = re.compile(rb"HTTP/1\.1 ([2-5][0-9][0-9]) [\t\x20-\x7e]*")
_FIELD: Final = re.compile(rb"([!#-'*+.0-9A-Z^-z|~-]+):[\t ]*((?:[\t\x20-\x7e]*[\x21-\x7e])?)")
_LENGTH: Final = re.compile(r"[0-9]{1,18}")
_NOT_PLAIN: Final = ("connection", "transfer-encoding")
_WITHOUT_BODY: Final = (204, 304)
_MOST_FIELDS: Final = 64
"""The standard library refuses more than a hundred."""
_HTTP_1_1: Final = 11


class Response(http.client.HTTPResponse):
    """Read with `begin` and `read`, as its base."""

    fields: Mapping[str, str]
    """Headers, their names in lower case."""

    def begin(self) -> None:
        """Read status and headers. Raises OSError or HTTPException."""
        plain = _plain(self.fp.peek())  # takes nothing away
        if plain is None:
            super().begin()
            self.fields = {name.lower(): value for name, value in self.headers.items()}
            return
        head_bytes, self.status, self.fields = plain
        self.fp.read(head_bytes)
        self.code, self.version = self.status, _HTTP_1_1
        self.chunked = self.will_close = False
        self.length = int(self.fields["content-length"])


def _plain(begun: bytes) -> tuple[int, int, Mapping[str, str]] | None:
    """Return the length of the head, status and headers, None where that is not for here to say."""
    end = begun.find(b"\r\n\r\n")
    if end < 0:
        return None
    first, *lines = begun[:end].split(b"\r\n")
    status = _PLAIN.fullmatch(first)
    found = [_FIELD.fullmatch(line) for line in lines]
    fields = {one[1].decode().lower(): one[2].decode() for one in found if one is not None}
    is_plain = (
        status is not None
        and len(fields) == len(lines) <= _MOST_FIELDS
        and not any(name in fields for name in _NOT_PLAIN)
        and _LENGTH.fullmatch(fields.get("content-length", ""))
    )
    if status is None or not is_plain or int(status[1]) in _WITHOUT_BODY:
        return None
    return end + 4, int(status[1]), fields
