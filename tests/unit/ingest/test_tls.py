"""The certificate that gRPC shows is the one that was checked: of a start, or of the last reload."""

import socket
import ssl
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import grpc
import pytest
from cryptography import x509

from tallystick.errors import ConfigError
from tallystick_ingest.settings.tls import TlsSettings
from tallystick_ingest.tls import Tls, tls_of
from tests.certificates import Authority, Pair
from tests.patience import PATIENCE_S
from tests.requirements import requirement


@pytest.fixture
def pair(tmp_path: Path) -> Pair:
    return Authority(tmp_path / "authority").server("one")


@pytest.fixture
def renewed(tmp_path: Path) -> Pair:
    return Authority(tmp_path / "authority").server("two")


@pytest.fixture
def tls(pair: Pair) -> Tls:
    found = tls_of(TlsSettings(pair.certificate, pair.key, None, None, "optional", (), 0))
    assert found is not None
    return found


@pytest.fixture
def shown(tls: Tls) -> Iterator[Callable[[], str]]:
    """Say whose certificate a gRPC server shows."""
    with ThreadPoolExecutor(1) as threads:
        server = grpc.server(threads)
        port = server.add_secure_port("127.0.0.1:0", tls.grpc_credentials())
        server.start()

        def ask() -> str:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
            context.set_alpn_protocols(["h2"])
            with (
                socket.create_connection(("127.0.0.1", port), PATIENCE_S) as connection,
                context.wrap_socket(connection) as wrapped,
            ):
                found = wrapped.getpeercert(binary_form=True)
            assert found is not None
            return x509.load_der_x509_certificate(found).subject.rfc4514_string()

        yield ask
        server.stop(None).wait(PATIENCE_S)


@requirement("tls.ports")
@pytest.mark.parametrize("first", ["certificate", "key"])
def test_a_pair_that_is_written_one_file_after_the_other_is_taken_whole(
    pair: Pair, renewed: Pair, tls: Tls, shown: Callable[[], str], first: str
) -> None:
    second = "key" if first == "certificate" else "certificate"
    assert shown() == "CN=one"
    getattr(pair, first).write_bytes(getattr(renewed, first).read_bytes())
    assert shown() == "CN=one"
    with pytest.raises(ConfigError, match="is not the key"):
        tls.reload()
    assert shown() == "CN=one"
    getattr(pair, second).write_bytes(getattr(renewed, second).read_bytes())
    assert shown() == "CN=one"
    tls.reload()
    assert shown() == "CN=two"
    assert shown() == "CN=two"


@requirement("tls.ports")
def test_each_reload_is_followed(
    pair: Pair, renewed: Pair, tls: Tls, shown: Callable[[], str]
) -> None:
    both = [(one.certificate.read_bytes(), one.key.read_bytes()) for one in (renewed, pair)]
    for expected, (certificate, key) in zip(("CN=two", "CN=one"), both, strict=True):
        pair.certificate.write_bytes(certificate)
        pair.key.write_bytes(key)
        tls.reload()
        assert shown() == expected


def test_no_key_stands_in_what_is_printed_of_it(tls: Tls) -> None:
    assert "PRIVATE KEY" not in repr(tls)
