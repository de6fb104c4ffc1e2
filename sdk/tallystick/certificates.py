"""The certificates of a connection to a service: which are trusted, and which one is shown.

Trusted are those of `certifi`, as everywhere in Python, unless the environment names others (docs/settings.md).
"""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tallystick.errors import ShipError

if TYPE_CHECKING:
    import ssl

OWN_CERTIFICATES: Final = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")
"""Variables that name a file or a directory of certificates to trust in place of the usual ones."""
OWN_CERTIFICATE: Final = ("TALLYSTICK_CLIENT_CERTIFICATE", "TALLYSTICK_CLIENT_KEY")
"""Variables that name the files of a certificate to show where the service wants one, and of its key (PEM)."""
SYSTEM_CERTIFICATES: Final = ("SSL_CERT_FILE", "SSL_CERT_DIR")
"""Variables of OpenSSL, which reads them itself."""


def named_certificates() -> str | None:
    """Return the file or directory of certificates to trust that the environment names; None: those of `certifi`."""
    names = (*OWN_CERTIFICATES, *SYSTEM_CERTIFICATES)
    return next((os.environ[name] for name in names if os.environ.get(name)), None)


def shown_certificate() -> tuple[str, str] | None:
    """Return the files of the certificate to show, and of its key; None for none. The key may stand with it."""
    certificate, key = (os.environ.get(name) or "" for name in OWN_CERTIFICATE)
    return (certificate, key or certificate) if certificate else None


def trusted() -> "ssl.SSLContext":
    """Return what is trusted and shown. Raises ShipError where a variable names certificates that cannot be read."""
    import ssl  # noqa: PLC0415 - slow to import

    given = next((name for name in OWN_CERTIFICATES if os.environ.get(name)), None)
    try:
        if given is not None:
            context = _context_of(Path(os.environ[given]))
        elif any(os.environ.get(name) for name in SYSTEM_CERTIFICATES):
            context = ssl.create_default_context()
        else:
            usual = _usual()
            context = ssl.create_default_context() if usual is None else _context_of(usual)
    except OSError as error:
        raise ShipError(
            f"the certificates of {given or 'certifi'} cannot be read: {error.strerror or error}"
        ) from error
    context.set_alpn_protocols(["http/1.1"])
    shown = shown_certificate()
    if shown is not None:
        try:
            context.load_cert_chain(*shown, password=lambda: "")
        except OSError as error:
            raise ShipError(
                f"{' and '.join(OWN_CERTIFICATE)} are no certificate and its key, unencrypted, in PEM:"
                f" {error.strerror or type(error).__name__}"
            ) from error
    return context


def _usual() -> Path | None:
    """Return the file of `certifi`; None where that is not installed, for a verifier by itself needs nothing."""
    try:
        import certifi  # noqa: PLC0415
    except ImportError:
        return None
    return Path(certifi.where())


def _context_of(place: Path) -> "ssl.SSLContext":
    import ssl  # noqa: PLC0415 - slow to import

    if place.is_dir():
        return ssl.create_default_context(capath=str(place))
    return ssl.create_default_context(cafile=str(place))
