"""Entry bundles on disk: read back exactly, and nothing else is read."""

import gzip
import zlib
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tallystick.errors import VerificationError
from tallystick.tlog.tiles import encode_entries
from tallystick_store.bundles import MAX_LOG_FILE_BYTES, compressed, in_clear

BUNDLE = encode_entries(
    [b'{"h":"%s"}' % sha256(b"%d" % n).hexdigest().encode() for n in range(256)]
)
TRAILER_BYTES = 8


@given(st.lists(st.binary(max_size=1024), min_size=1, max_size=256))
def test_a_bundle_is_read_back_from_either_form(entries: list[bytes]) -> None:
    bundle = encode_entries(entries)
    assert in_clear(compressed(bundle)) == bundle
    assert in_clear(bundle) == bundle


def test_everybody_can_unpack_it() -> None:
    assert gzip.decompress(compressed(BUNDLE)) == BUNDLE
    assert len(compressed(BUNDLE)) < 0.7 * len(BUNDLE)


def test_no_byte_of_it_can_be_changed_unseen() -> None:
    content = compressed(BUNDLE)
    for position in range(len(content)):
        changed = bytearray(content)
        changed[position] ^= 0x10
        try:
            said = in_clear(bytes(changed))
        except VerificationError:
            continue
        unused = len(content) - TRAILER_BYTES - 1  # bits behind the end of deflate say nothing
        assert said != BUNDLE or position == unused


@pytest.mark.parametrize("cut", [1, 8, 9, 100])
def test_a_cut_or_longer_file_is_refused(cut: int) -> None:
    content = compressed(BUNDLE)
    for changed in (content[:-cut], content + content[:cut]):
        with pytest.raises(VerificationError, match=r"header or sum differs|does not inflate"):
            in_clear(changed)


def test_a_file_that_inflates_without_end_is_refused() -> None:
    deflate = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    body = deflate.compress(bytes(4 * MAX_LOG_FILE_BYTES)) + deflate.flush()
    with pytest.raises(VerificationError, match="inflates to more than"):
        in_clear(compressed(b"")[:10] + body)
