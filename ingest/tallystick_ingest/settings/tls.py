"""TLS of the service's own ports, and what a client's certificate is worth."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal, TypeAlias

from tallystick.errors import ConfigError
from tallystick_ingest.settings.identity import GRANTS
from tallystick_ingest.settings.setting import PATH, PORT, Kind, Setting, area

ClientRule: TypeAlias = Literal["optional", "required"]
DEFAULT_LOCAL_PORT: Final = 4319
_RULES: Final[tuple[ClientRule, ...]] = ("optional", "required")


@dataclass(frozen=True, slots=True)
class TlsSettings:
    """SETTINGS says what each means."""

    certificate: Path | None
    key: Path | None
    client_ca: Path | None
    client_crl: Path | None
    client_certificate: ClientRule
    grants: tuple[str, ...]
    local_port: int

    @property
    def is_on(self) -> bool:
        """Whether the ports speak TLS."""
        return self.certificate is not None


def _rule(value: str) -> ClientRule:
    for known in _RULES:
        if known == value.strip():
            return known
    raise ValueError


SETTINGS: Final = (
    Setting(
        "tls_certificate",
        PATH,
        None,
        "File (PEM) with the service's certificate and those between it and its authority; unset: no TLS.",
        "certificate",
    ),
    Setting(
        "tls_key",
        PATH,
        None,
        "File (PEM) with the key of that certificate, not encrypted, and not readable by everybody.",
        "key",
    ),
    Setting(
        "tls_client_ca",
        PATH,
        None,
        "File (PEM) with the authorities of clients' certificates; unset: clients are asked for none.",
        "client_ca",
    ),
    Setting(
        "tls_client_crl",
        PATH,
        None,
        "File (PEM) with a list of revoked certificates (CRL) of each of these authorities; unset: none is looked at.",
        "client_crl",
    ),
    Setting(
        "tls_client_certificate",
        Kind(" or ".join(_RULES), _rule),
        "optional",
        "Whether each client has to show a certificate (required), or may (optional; over gRPC: is not asked).",
        "client_certificate",
    ),
    Setting(
        "tls_grants",
        GRANTS,
        None,
        "What clients' certificates are worth, such as dns=collector.example.org->ingest; unset: nothing.",
        "grants",
    ),
    Setting(
        "local_port",
        PORT,
        str(DEFAULT_LOCAL_PORT),
        "With TLS: port of 127.0.0.1 for this machine's own programs, without TLS; 0: any.",
    ),
)


def tls_settings(values: Mapping[str, object]) -> TlsSettings:
    """Make the object; raise ConfigError for half of what TLS takes."""
    found = area(TlsSettings, SETTINGS, values)
    if (found.certificate is None) != (found.key is None):
        raise ConfigError("--tls-certificate and --tls-key go together: state both, or neither")
    if found.client_ca is not None and found.certificate is None:
        raise ConfigError("--tls-client-ca needs --tls-certificate and --tls-key")
    if found.client_crl is not None and found.client_ca is None:
        raise ConfigError("--tls-client-crl needs --tls-client-ca: it is of those authorities")
    if found.client_ca is None and (found.grants or found.client_certificate == "required"):
        raise ConfigError(
            "--tls-grants and --tls-client-certificate required need --tls-client-ca: without an authority "
            "nobody's certificate can be told from one that they made themselves"
        )
    return found
