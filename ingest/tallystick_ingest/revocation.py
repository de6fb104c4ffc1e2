"""Lists of revoked certificates (CRL, RFC 5280): of the authorities of clients, read from one file of PEM.

OpenSSL looks a certificate up during a handshake over HTTP. gRPC's library does not, and a connection may outlive a
list: so each request of a client with a certificate is held against them here too, by the same rules. A certificate
whose authority has no list here, or one that is out of date, counts as revoked: nobody can say that it is not.
"""

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from cryptography import x509

from tallystick.errors import ConfigError

MAX_LIST_BYTES: Final = 16 << 20
"""Ours: some 400,000 certificates."""
_BEGIN: Final = b"-----BEGIN X509 CRL-----"
_END: Final = b"-----END X509 CRL-----"


def _now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)


@dataclass(frozen=True, slots=True)
class RevokedOf:
    """What the newest list of one authority says."""

    serials: frozenset[int] = field(repr=False)
    from_: dt.datetime
    until: dt.datetime | None

    def is_current(self, now: dt.datetime) -> bool:
        """Whether the list may be relied on."""
        return self.from_ <= now and (self.until is None or now < self.until)


@dataclass(frozen=True, slots=True)
class Revocations:
    """The lists of one file, by the name of the authority (DER). Safe to use from several threads."""

    lists: Mapping[bytes, RevokedOf]
    now: Callable[[], dt.datetime] = _now

    @property
    def is_outdated(self) -> bool:
        """Whether a list is out of date: clients of its authority are refused."""
        return not all(one.is_current(self.now()) for one in self.lists.values())

    def refusal(self, certificate: x509.Certificate) -> str | None:
        """Return why nothing is taken from whoever shows a certificate; None where it is not revoked."""
        found = self.lists.get(certificate.issuer.public_bytes())
        if found is None:
            return "there is no list of revoked certificates of the authority of this certificate"
        if not found.is_current(self.now()):
            return "the list of revoked certificates of the authority of this certificate is out of date"
        return (
            "this certificate was revoked" if certificate.serial_number in found.serials else None
        )


def parse_revocations(content: bytes, authorities: bytes, name: str) -> Revocations:
    """Read the lists of a file (`name` says which), each signed by one of the authorities (PEM).

    Raises ConfigError for a file without a list, one that no authority signed, and one with critical extensions:
    lists of changes and of a part of the certificates are not understood.
    """
    known = _authorities(authorities)
    found: dict[bytes, x509.CertificateRevocationList] = {}
    for crl in _lists(content, name):
        if not any(_is_signed(crl, one) for one in known):
            raise ConfigError(
                f"{name} holds a list of {crl.issuer.rfc4514_string()!r}, signed by none of --tls-client-ca"
            )
        strange = next((one for one in crl.extensions if one.critical), None)
        if strange is not None:
            raise ConfigError(
                f"{name} holds a list with {strange.oid._name}, which is not whole: give whole lists"  # noqa: SLF001 - its name
            )
        issuer = crl.issuer.public_bytes()
        newer = found.get(issuer)
        if newer is None or newer.last_update_utc < crl.last_update_utc:
            found[issuer] = crl
    return Revocations({issuer: _revoked(crl) for issuer, crl in found.items()})


def read_lists(path: Path) -> bytes:
    """Return what the file holds; raise ConfigError when it cannot be read."""
    try:
        with path.open("rb") as file:
            content = file.read(MAX_LIST_BYTES + 1)
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}") from None
    if len(content) > MAX_LIST_BYTES:
        raise ConfigError(f"{path} is larger than {MAX_LIST_BYTES} bytes")
    return content


def _lists(content: bytes, name: str) -> Sequence[x509.CertificateRevocationList]:
    blocks = [_BEGIN + one.partition(_END)[0] + _END for one in content.split(_BEGIN)[1:]]
    try:
        found = [x509.load_pem_x509_crl(block) for block in blocks]
    except ValueError:
        found = []
    if not found:
        raise ConfigError(f"{name} holds no list of revoked certificates (PEM, X509 CRL)")
    return found


def _authorities(content: bytes) -> Sequence[x509.Certificate]:
    try:
        return x509.load_pem_x509_certificates(content)
    except ValueError:
        raise ConfigError("--tls-client-ca holds no certificate of an authority (PEM)") from None


def _is_signed(crl: x509.CertificateRevocationList, by: x509.Certificate) -> bool:
    try:
        return crl.issuer == by.subject and crl.is_signature_valid(by.public_key())  # type: ignore[arg-type]  # any kind
    except TypeError:
        return False  # a key that signs nothing


def _revoked(crl: x509.CertificateRevocationList) -> RevokedOf:
    serials = frozenset(one.serial_number for one in crl)
    return RevokedOf(serials, crl.last_update_utc, crl.next_update_utc)
