"""Lists of revoked certificates: which are taken, and what they say; held against OpenSSL's own look at them."""

import datetime as dt
import socket
import ssl
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography import x509

from tallystick.errors import ConfigError
from tallystick_ingest.revocation import MAX_LIST_BYTES, parse_revocations, read_lists
from tallystick_ingest.settings.tls import TlsSettings
from tallystick_ingest.tls import Tls, tls_of
from tests.certificates import DAY, Authority, Pair
from tests.patience import PATIENCE_S
from tests.requirements import requirement

pytestmark = requirement("tls.revoked")

Lists = Callable[[Authority, Pair], bytes]
OLD = dt.datetime.now(dt.UTC) - 3 * DAY


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path / "authority")


@pytest.mark.parametrize(
    ("lists", "refused"),
    [
        (lambda known, _one: known.list_of(), None),
        (lambda known, one: known.list_of(one), "was revoked"),
        (lambda known, one: known.list_of(from_=OLD) + known.list_of(one), "was revoked"),
        (lambda known, one: known.list_of(one) + known.list_of(from_=OLD), "was revoked"),
        (lambda known, _one: known.list_of(from_=OLD), "out of date"),
        (lambda known, _one: known.list_of(from_=OLD + 5 * DAY), "out of date"),
    ],
    ids=["empty", "listed", "newer last", "newer first", "out of date", "of the future"],
)
def test_a_certificate_is_refused_as_openssl_refuses_it(
    tmp_path: Path, authority: Authority, lists: Lists, refused: str | None
) -> None:
    client, file = authority.client("client"), tmp_path / "lists.pem"
    file.write_bytes(lists(authority, client))
    tls = opened(authority, file)
    said = tls.refusal(client.parsed)
    assert (said is None) == (refused is None)
    assert (refused or "") in (said or "")
    assert handshake(tls.context, authority, client) == (refused is None)


def test_a_certificate_whose_authority_has_no_list_is_refused(tmp_path: Path) -> None:
    known, other = Authority(tmp_path / "known"), Authority(tmp_path / "other", "other")
    both = tmp_path / "both.pem"
    both.write_bytes(known.file.read_bytes() + other.file.read_bytes())
    file = tmp_path / "lists.pem"
    file.write_bytes(known.list_of())
    tls = opened(known, file, both)
    of_other = other.client("client")
    assert "there is no list" in (tls.refusal(of_other.parsed) or "")
    assert not handshake(tls.context, known, of_other)
    assert handshake(tls.context, known, known.client("client"))
    file.write_bytes(known.list_of() + other.list_of())
    assert tls.has_newer_lists()
    tls.reload()
    assert not tls.has_newer_lists()
    assert tls.refusal(of_other.parsed) is None
    assert handshake(tls.context, known, of_other)


def test_lists_that_cannot_be_used_change_nothing(tmp_path: Path, authority: Authority) -> None:
    client, file = authority.client("client"), tmp_path / "lists.pem"
    file.write_bytes(authority.list_of(client))
    tls = opened(authority, file)
    delta = x509.DeltaCRLIndicator(1)
    for content, said in (
        (b"nothing", "no list of revoked certificates"),
        (b"-----BEGIN X509 CRL-----\nAAAA\n-----END X509 CRL-----\n", "no list of revoked"),
        (Authority(tmp_path / "strange").list_of(), "signed by none of"),
        (authority.list_of(extension=delta), "which is not whole"),
        (b" " * (MAX_LIST_BYTES + 1), "is larger than"),
    ):
        file.write_bytes(content)
        with pytest.raises(ConfigError, match=said):
            tls.reload()
        assert not tls.has_newer_lists(), "it is read once"
        assert tls.refusal(client.parsed) == "this certificate was revoked"
        assert not handshake(tls.context, authority, client)
    file.unlink()
    assert not tls.has_newer_lists()
    with pytest.raises(ConfigError, match="cannot be read"):
        tls.reload()
    with pytest.raises(ConfigError, match="cannot be read"):
        read_lists(file)


def test_lists_are_of_stated_authorities(tmp_path: Path, authority: Authority) -> None:
    with pytest.raises(ConfigError, match="no certificate of an authority"):
        parse_revocations(authority.list_of(), b"nothing", "lists.pem")
    found = parse_revocations(authority.list_of(), authority.file.read_bytes(), "lists.pem")
    assert not found.is_outdated
    assert opened(authority, None).refusal(authority.client("any").parsed) is None
    file = tmp_path / "lists.pem"
    file.write_bytes(authority.list_of())
    assert opened(authority, file).refusal(None) is None


def opened(authority: Authority, lists: Path | None, known: Path | None = None) -> Tls:
    pair = authority.server()
    settings = TlsSettings(
        pair.certificate, pair.key, known or authority.file, lists, "required", (), 0
    )
    found = tls_of(settings)
    assert found is not None
    return found


def handshake(context: ssl.SSLContext, authority: Authority, pair: Pair) -> bool:
    """Say whether the server of this context takes a client that shows this certificate."""
    shown = ssl.create_default_context(cafile=str(authority.file))
    shown.load_cert_chain(pair.certificate, pair.key)
    ours, theirs = socket.socketpair()
    ours.settimeout(PATIENCE_S)
    theirs.settimeout(PATIENCE_S)

    def connect() -> None:
        with theirs, shown.wrap_socket(theirs, server_hostname="localhost") as connection:
            connection.recv(1)

    client = threading.Thread(target=_quietly, args=(connect,))
    client.start()
    try:
        with ours, context.wrap_socket(ours, server_side=True):
            return True
    except ssl.SSLError:
        return False
    finally:
        client.join(PATIENCE_S)


def _quietly(work: Callable[[], None]) -> None:
    try:
        work()
    except OSError:
        return
