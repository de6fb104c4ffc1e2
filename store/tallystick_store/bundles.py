"""Entry bundles as they stand on disk: a full one as gzip, as a server of tlog-tiles may send it on.

A bundle names its sender and spells its keys in each of its 256 entries: 111 bytes an entry in clear, 35 as gzip, for
0.8 µs. A partial bundle, which the next one replaces, stands in clear, and so do bundles of earlier versions: an
entry is never as long as the two bytes that begin a gzip file would say.
"""

import zlib
from typing import Final

from tallystick.errors import VerificationError

MAX_LOG_FILE_BYTES: Final = 1024 * 1024
"""A bundle of the longest entries has a quarter of it."""

_HEADER: Final = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff"
"""RFC 1952: deflate, no name, no time, no operating system; no other header is read."""
_MAGIC: Final = _HEADER[:2]


def compressed(bundle: bytes) -> bytes:
    """Return a full bundle as it is written."""
    deflate = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    body = deflate.compress(bundle) + deflate.flush()
    return _HEADER + body + _trailer(bundle)


def in_clear(content: bytes) -> bytes:
    """Return the bundle that a file holds. Raises VerificationError for a compressed one that is damaged."""
    if not content.startswith(_MAGIC):
        return content
    inflate = zlib.decompressobj(wbits=-zlib.MAX_WBITS)
    try:
        bundle = inflate.decompress(content[len(_HEADER) :], MAX_LOG_FILE_BYTES + 1)
    except zlib.error as error:
        raise VerificationError(f"the bundle does not inflate: {error}") from error
    if len(bundle) > MAX_LOG_FILE_BYTES:
        raise VerificationError(f"the bundle inflates to more than {MAX_LOG_FILE_BYTES} bytes")
    if not content.startswith(_HEADER) or inflate.unused_data != _trailer(bundle):
        raise VerificationError("the bundle is not what was compressed: its header or sum differs")
    return bundle


def _trailer(bundle: bytes) -> bytes:
    return zlib.crc32(bundle).to_bytes(4, "little") + len(bundle).to_bytes(4, "little")
