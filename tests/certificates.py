"""An authority for tests, with certificates of servers and clients in files."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    KeySerializationEncryption,
    NoEncryption,
    PrivateFormat,
)

DAY = dt.timedelta(days=1)
_SIGNING = x509.KeyUsage(
    digital_signature=False,
    content_commitment=False,
    key_encipherment=False,
    data_encipherment=False,
    key_agreement=False,
    key_cert_sign=True,
    crl_sign=True,
    encipher_only=False,
    decipher_only=False,
)


@dataclass(frozen=True)
class Pair:
    """A certificate and its key, in files."""

    certificate: Path
    key: Path

    @property
    def parsed(self) -> x509.Certificate:
        return x509.load_pem_x509_certificate(self.certificate.read_bytes())

    @property
    def fingerprint(self) -> str:
        return self.parsed.fingerprint(SHA256()).hex()


class Authority:
    """Makes certificates below `place`."""

    def __init__(self, place: Path, name: str = "authority") -> None:
        place.mkdir(exist_ok=True)
        self._place = place
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
        own = self._builder(self._name, self._key.public_key())
        made = own.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        made = made.add_extension(
            x509.SubjectKeyIdentifier.from_public_key(self._key.public_key()), critical=False
        ).add_extension(_SIGNING, critical=True)  # Python 3.13 asks for it
        self.file = place / f"{name}.pem"
        self.file.write_bytes(made.sign(self._key, SHA256()).public_bytes(Encoding.PEM))

    def server(
        self, name: str = "server", password: bytes | None = None, *, is_named: bool = True
    ) -> Pair:
        """Make the certificate of a server at 127.0.0.1 and, if it is named, at localhost."""
        names: list[x509.GeneralName] = [x509.IPAddress(ip_address("127.0.0.1"))]
        return self._pair(
            name, [x509.DNSName("localhost"), *names] if is_named else names, password
        )

    def client(self, name: str, uri: str | None = None) -> Pair:
        """Make the certificate of a client."""
        names: list[x509.GeneralName] = [x509.DNSName(name)]
        return self._pair(name, [*names, *([x509.UniformResourceIdentifier(uri)] if uri else [])])

    def list_of(
        self,
        *revoked: Pair,
        from_: dt.datetime | None = None,
        life: dt.timedelta = DAY,
        extension: x509.ExtensionType | None = None,
    ) -> bytes:
        """Make a list of revoked certificates (PEM); `extension` is a critical one."""
        begun = from_ or dt.datetime.now(dt.UTC) - dt.timedelta(hours=1)
        made = x509.CertificateRevocationListBuilder(self._name, begun, begun + life)
        for pair in revoked:
            one = x509.RevokedCertificateBuilder(pair.parsed.serial_number, begun)
            made = made.add_revoked_certificate(one.build())
        if extension is not None:
            made = made.add_extension(extension, critical=True)
        return made.sign(self._key, SHA256()).public_bytes(Encoding.PEM)

    def _pair(
        self, name: str, names: Sequence[x509.GeneralName], password: bytes | None = None
    ) -> Pair:
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
        made = self._builder(subject, key.public_key()).add_extension(
            x509.SubjectAlternativeName(names), critical=False
        )
        certificate = made.sign(self._key, SHA256())
        pair = Pair(self._place / f"{name}.crt", self._place / f"{name}.key")
        pair.certificate.write_bytes(certificate.public_bytes(Encoding.PEM))
        hidden: KeySerializationEncryption = NoEncryption()
        if password is not None:
            hidden = BestAvailableEncryption(password)
        pair.key.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, hidden))
        pair.key.chmod(0o600)
        return pair

    def _builder(
        self, subject: x509.Name, key: ec.EllipticCurvePublicKey
    ) -> x509.CertificateBuilder:
        now = dt.datetime.now(dt.UTC)
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - DAY)
            .not_valid_after(now + DAY)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()),
                critical=False,
            )
        )
