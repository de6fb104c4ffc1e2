"""TLS 1.2 and above on the service's ports: the files, checked before anything listens, and read again on SIGHUP."""

import ssl
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from tallystick.errors import ConfigError
from tallystick_ingest.settings.tls import ClientRule, TlsSettings

MAX_FILE_BYTES: Final = 1 << 20
_BY_EVERYBODY: Final = 0o007
_ALPN: Final = ("http/1.1",)


@dataclass(frozen=True, slots=True)
class Tls:
    """The certificate of a service. Used from one event loop and gRPC's threads; `reload` from one thread."""

    certificate: Path
    key: Path
    client_ca: Path | None
    client_rule: ClientRule
    context: ssl.SSLContext

    def reload(self) -> None:
        """Take the certificate and key as their files are now, for new connections.

        Raises ConfigError, and changes nothing, for files that do not fit each other. Authorities of clients
        stay those of the start.
        """
        _context(self.certificate, self.key, None, self.client_rule)
        _load(self.context, self.certificate, self.key)

    def grpc_credentials(self) -> Any:  # noqa: ANN401 - grpc ships no types
        """Return the same for gRPC, which asks clients for a certificate only where it is required."""
        import grpc  # noqa: PLC0415 - 20 MB that not everybody needs

        is_required = self.client_rule == "required" and self.client_ca is not None
        authorities = None if self.client_ca is None else self.client_ca.read_bytes()

        def configuration() -> Any:  # noqa: ANN401
            pair = (self.key.read_bytes(), self.certificate.read_bytes())
            return grpc.ssl_server_certificate_configuration([pair], authorities)

        return grpc.dynamic_ssl_server_credentials(
            configuration(), _once_changed(configuration, self.certificate), is_required
        )


def tls_of(settings: TlsSettings) -> Tls | None:
    """Return what the settings ask for, None for no TLS; raise ConfigError for files that cannot be used."""
    if settings.certificate is None or settings.key is None:
        return None
    rule = settings.client_certificate
    context = _context(settings.certificate, settings.key, settings.client_ca, rule)
    return Tls(settings.certificate, settings.key, settings.client_ca, rule, context)


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


def _once_changed(configuration: Callable[[], Any], watched: Path) -> Callable[[], Any]:
    """Return a function that gives a new configuration once the certificate's file is another, else None."""
    seen = watched.stat().st_mtime_ns

    def fetch() -> Any:  # noqa: ANN401
        nonlocal seen
        try:
            now = watched.stat().st_mtime_ns
            if now == seen:
                return None
            made = configuration()
        except OSError:
            return None
        seen = now
        return made

    return fetch
