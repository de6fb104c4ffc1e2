"""TLS 1.2 and above on the service's ports: the files, checked before anything listens, and read again on SIGHUP.

The list of revoked certificates is also read again when its file changes: it is short-lived.
"""

import logging
import ssl
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final, NamedTuple

from cryptography import x509

from tallystick.errors import ConfigError
from tallystick.private_file import Stamp, stamp_of
from tallystick_ingest.revocation import Revocations, parse_revocations, read_lists
from tallystick_ingest.settings.tls import ClientRule, TlsSettings

MAX_FILE_BYTES: Final = 1 << 20
_BY_EVERYBODY: Final = 0o007
_ALPN: Final = ("http/1.1",)
_log = logging.getLogger("tallystick.serving")


@dataclass(frozen=True, slots=True)
class _Held:
    """What the files held that fit each other; each taking of the files is a generation."""

    certificate: bytes
    key: bytes = field(repr=False)
    authorities: bytes | None = None
    lists: bytes | None = field(default=None, repr=False)
    generation: int = 0


class _Files(NamedTuple):
    certificate: Path
    key: Path
    client_ca: Path | None
    client_crl: Path | None

    def read(self) -> _Held:
        """Return what they hold now; raise ConfigError for one that cannot be read or is too large."""
        for path in self[:3]:
            if path is not None:
                _require_file(path)
        return _Held(
            self.certificate.read_bytes(),
            self.key.read_bytes(),
            None if self.client_ca is None else self.client_ca.read_bytes(),
            None if self.client_crl is None else read_lists(self.client_crl),
        )

    def stamp(self) -> Stamp | None:
        """Return which file the lists stand in; None for none, also while it is being replaced."""
        try:
            return None if self.client_crl is None else stamp_of(self.client_crl)
        except OSError:
            return None


class Tls:
    """The certificate of a service. Used from one event loop and gRPC's threads; `reload` from one thread."""

    def __init__(self, files: _Files, rule: ClientRule) -> None:
        """Read the files; raise ConfigError for what cannot be used."""
        self._files = files
        self._rule: ClientRule = rule
        self._looked_at = files.stamp()
        self.context, self._held = _checked(files, rule)
        """For new connections; another one after each reload."""
        self.revocations = _revocations(self._held)
        """None: no list of revoked certificates is looked at."""

    def reload(self) -> None:
        """Take the files as they are now: for new connections, and the lists of revoked certificates for all.

        Raises ConfigError, and changes nothing, for files that do not fit each other.
        """
        self._looked_at = self._files.stamp()
        context, held = _checked(self._files, self._rule)
        revocations = _revocations(held)
        self.context, self.revocations = context, revocations
        self._held = replace(held, generation=self._held.generation + 1)

    def has_newer_lists(self) -> bool:
        """Whether the file of revoked certificates is another one than was last looked at."""
        stamp = self._files.stamp()
        return stamp is not None and stamp != self._looked_at

    def refusal(self, certificate: x509.Certificate | None) -> str | None:
        """Return why nothing is taken from whoever shows a certificate; None where nothing speaks against it."""
        revocations = self.revocations
        if certificate is None or revocations is None:
            return None
        return revocations.refusal(certificate)

    def grpc_credentials(self) -> Any:  # noqa: ANN401 - grpc ships no types
        """Return the same for gRPC, which asks clients for a certificate only where it is required."""
        import grpc  # noqa: PLC0415 - 20 MB that not everybody needs

        is_required = self._rule == "required" and self._files.client_ca is not None

        def configuration(held: _Held) -> Any:  # noqa: ANN401
            pair = (held.key, held.certificate)
            return grpc.ssl_server_certificate_configuration([pair], held.authorities)

        given = self._held

        def fetch() -> Any:  # noqa: ANN401 - asked at each handshake; None: as before
            nonlocal given
            held = self._held
            if held.generation == given.generation:
                return None
            given = held
            return configuration(held)

        return grpc.dynamic_ssl_server_credentials(configuration(given), fetch, is_required)


def tls_of(settings: TlsSettings) -> Tls | None:
    """Return what the settings ask for, None for no TLS; raise ConfigError for files that cannot be used."""
    if settings.certificate is None or settings.key is None:
        return None
    files = _Files(settings.certificate, settings.key, settings.client_ca, settings.client_crl)
    return Tls(files, settings.client_certificate)


def _revocations(held: _Held) -> Revocations | None:
    if held.lists is None or held.authorities is None:
        return None
    found = parse_revocations(held.lists, held.authorities, "--tls-client-crl")
    if found.is_outdated:
        _log.warning(
            "a list of --tls-client-crl is out of date: clients of its authority are refused"
        )
    return found


def _checked(files: _Files, rule: ClientRule) -> tuple[ssl.SSLContext, _Held]:
    """Return a context of the files, and what was in them while it was made; raise ConfigError."""
    held = files.read()
    context = _context(files, rule)
    if held != files.read():
        raise ConfigError(
            f"{files.certificate} or a file beside it changed while it was read: try again"
        )
    return context, held


def _context(files: _Files, rule: ClientRule) -> ssl.SSLContext:
    certificate, key, client_ca, crl = files
    if key.stat().st_mode & _BY_EVERYBODY:
        raise ConfigError(
            f"{key} can be read by everybody on this machine: chmod 640 {key}, or 600"
        )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(list(_ALPN))
    _load(context, certificate, key)
    if client_ca is not None:
        try:
            context.load_verify_locations(client_ca)
        except ssl.SSLError:
            raise ConfigError(f"{client_ca} holds no certificate of an authority (PEM)") from None
        context.verify_mode = ssl.CERT_REQUIRED if rule == "required" else ssl.CERT_OPTIONAL
    if crl is not None:
        try:
            context.load_verify_locations(crl)
        except ssl.SSLError:
            raise ConfigError(f"{crl} holds no list of revoked certificates (PEM)") from None
        context.verify_flags |= ssl.VerifyFlags.VERIFY_CRL_CHECK_LEAF
    return context


def _load(context: ssl.SSLContext, certificate: Path, key: Path) -> None:
    try:
        context.load_cert_chain(certificate, key, password=_no_password)
    except ssl.SSLError as error:
        if error.reason == "KEY_VALUES_MISMATCH":
            raise ConfigError(f"{key} is not the key of the certificate in {certificate}") from None
        raise ConfigError(
            f"{certificate} and {key} are no certificate and key in PEM ({error.reason or 'no PEM'})"
        ) from None
    except _EncryptedKeyError:
        raise ConfigError(
            f"{key} is encrypted, and nobody could type its password at a start: store it without one, 0600"
        ) from None


class _EncryptedKeyError(Exception):
    """OpenSSL asked for a password."""


def _no_password() -> str:
    raise _EncryptedKeyError


def _require_file(path: Path) -> None:
    try:
        size_bytes = path.stat().st_size
        with path.open("rb"):
            pass
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}") from None
    if size_bytes > MAX_FILE_BYTES:
        raise ConfigError(f"{path} is larger than a certificate or key can be")
