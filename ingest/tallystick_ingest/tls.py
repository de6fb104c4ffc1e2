"""TLS 1.2 and above on the service's ports: the files, checked before anything listens, and read again on SIGHUP."""

import ssl
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from tallystick.errors import ConfigError
from tallystick_ingest.settings.tls import ClientRule, TlsSettings

MAX_FILE_BYTES: Final = 1 << 20
_BY_EVERYBODY: Final = 0o007
_ALPN: Final = ("http/1.1",)


@dataclass(frozen=True, slots=True)
class _Held:
    """A certificate and its key that fit each other, as their files were; each taking of the files is a generation."""

    certificate: bytes
    key: bytes = field(repr=False)
    generation: int = 0


@dataclass(slots=True)
class Tls:
    """The certificate of a service. Used from one event loop and gRPC's threads; `reload` from one thread."""

    certificate: Path
    key: Path
    client_ca: Path | None
    client_rule: ClientRule
    context: ssl.SSLContext
    held: _Held

    def reload(self) -> None:
        """Take the certificate and key as their files are now, for new connections.

        Raises ConfigError, and changes nothing, for files that do not fit each other. Authorities of clients
        stay those of the start.
        """
        _, held = _checked(self.certificate, self.key, None, self.client_rule)
        _load(self.context, self.certificate, self.key)
        self.held = replace(held, generation=self.held.generation + 1)

    def grpc_credentials(self) -> Any:  # noqa: ANN401 - grpc ships no types
        """Return the same for gRPC, which asks clients for a certificate only where it is required."""
        import grpc  # noqa: PLC0415 - 20 MB that not everybody needs

        is_required = self.client_rule == "required" and self.client_ca is not None
        authorities = None if self.client_ca is None else self.client_ca.read_bytes()

        def configuration(held: _Held) -> Any:  # noqa: ANN401
            pair = (held.key, held.certificate)
            return grpc.ssl_server_certificate_configuration([pair], authorities)

        given = self.held

        def fetch() -> Any:  # noqa: ANN401 - asked at each handshake; None: as before
            nonlocal given
            held = self.held
            if held.generation == given.generation:
                return None
            given = held
            return configuration(held)

        return grpc.dynamic_ssl_server_credentials(configuration(given), fetch, is_required)


def tls_of(settings: TlsSettings) -> Tls | None:
    """Return what the settings ask for, None for no TLS; raise ConfigError for files that cannot be used."""
    if settings.certificate is None or settings.key is None:
        return None
    rule = settings.client_certificate
    context, held = _checked(settings.certificate, settings.key, settings.client_ca, rule)
    return Tls(settings.certificate, settings.key, settings.client_ca, rule, context, held)


def _checked(
    certificate: Path, key: Path, client_ca: Path | None, rule: ClientRule
) -> tuple[ssl.SSLContext, _Held]:
    """Return a context of the files, and what was in them while it was made; raise ConfigError."""
    _require_file(certificate)
    _require_file(key)
    held = _Held(certificate.read_bytes(), key.read_bytes())
    context = _context(certificate, key, client_ca, rule)
    if held != _Held(certificate.read_bytes(), key.read_bytes()):
        raise ConfigError(f"{certificate} or {key} changed while they were read: try again")
    return context, held


def _context(
    certificate: Path, key: Path, client_ca: Path | None, rule: ClientRule
) -> ssl.SSLContext:
    for path in (certificate, key, client_ca):
        if path is not None:
            _require_file(path)
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
