"""Whose tokens are taken, and what they are worth."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tallystick.errors import ConfigError
from tallystick_ingest.auth.clients import parse_patterns
from tallystick_ingest.auth.grants import parse_grants
from tallystick_ingest.auth.jwks import ALGORITHMS
from tallystick_ingest.auth.outgoing import require_provider_address
from tallystick_ingest.auth.tokens import ACCESS_TOKEN
from tallystick_ingest.settings.setting import PATH, TEXT, Kind, Setting, area, whole

_MAX_SKEW_S: Final = 600
_TYPES: Final = (ACCESS_TOKEN, "jwt")


@dataclass(frozen=True, slots=True)
class IdentitySettings:
    """SETTINGS says what each means."""

    public_url: str | None
    issuer: str | None
    audiences: tuple[str, ...]
    algorithms: tuple[str, ...]
    token_types: tuple[str, ...]
    required_claims: tuple[str, ...]
    clock_skew_s: int
    grants: tuple[str, ...]
    clients: tuple[str, ...]
    denied_clients: tuple[str, ...]
    client_documents: str
    dashboard_url: str | None
    client_id: str | None
    client_secret_file: Path | None
    scopes: tuple[str, ...]


def _words(value: str) -> tuple[str, ...]:
    return tuple(one.strip() for one in value.split(",") if one.strip())


def _grants(value: str) -> tuple[str, ...]:
    written = _words(value)
    parse_grants(written)
    return written


def _clients(value: str) -> tuple[str, ...]:
    written = _words(value)
    parse_patterns(written)
    return written


def _off_or_on(value: str) -> str:
    if value.strip() not in ("off", "on"):
        raise ValueError
    return value.strip()


def _some_of(known: tuple[str, ...]) -> Kind:
    def parse(value: str) -> tuple[str, ...]:
        found = _words(value)
        if not found or not set(found) <= set(known):
            raise ValueError
        return found

    return Kind(f"one or more of {', '.join(known)}, separated by commas", parse, (str, list))


def _address(value: str) -> str:
    try:
        return require_provider_address(value.strip(), "it")
    except ConfigError:
        raise ValueError from None


def _public(value: str) -> str:
    return _address(value).rstrip("/")


_ADDRESS: Final = "an https address, or an http one of this machine"
_LIST: Final = (str, list)
WORDS: Final = Kind("texts, separated by commas", _words, _LIST, unset=())
GRANTS: Final = Kind(
    "rules such as groups=auditors->auditor or scope=audit.write->ingest+enroll@agent:pay-*, separated by commas,"
    " with a role or scopes after ->",
    _grants,
    _LIST,
    unset=(),
)
CLIENTS: Final = Kind(
    "client ids, in which * stands for any text, separated by commas", _clients, _LIST, unset=()
)

SETTINGS: Final = (
    Setting(
        "public_url",
        Kind(_ADDRESS, _public),
        None,
        "Address at which others reach the service, such as https://audit.example.org: what tokens are for, and "
        "what the service says of itself. Unset: it says nothing.",
    ),
    Setting(
        "oidc_issuer",
        Kind(_ADDRESS, _address),
        None,
        "Issuer of tokens, exactly as it writes itself, such as https://login.example.org; unset: no tokens are taken.",
        "issuer",
    ),
    Setting(
        "oidc_audiences",
        WORDS,
        None,
        "What `aud` of a token has to name, separated by commas; unset: `public_url`.",
        "audiences",
    ),
    Setting(
        "oidc_algorithms",
        _some_of(ALGORITHMS),
        ",".join(ALGORITHMS),
        "Algorithms by which tokens may be signed.",
        "algorithms",
    ),
    Setting(
        "oidc_token_types",
        _some_of(_TYPES),
        ACCESS_TOKEN,
        "Values of `typ` of a token; add jwt for an issuer that does not follow RFC 9068.",
        "token_types",
    ),
    Setting(
        "oidc_required_claims",
        WORDS,
        None,
        "Claims that a token must have beside those of RFC 9068.",
        "required_claims",
    ),
    Setting(
        "oidc_clock_skew_s",
        whole(0, _MAX_SKEW_S + 1),
        "60",
        "Seconds by which the clocks of issuer and service may differ.",
        "clock_skew_s",
    ),
    Setting(
        "oidc_grants",
        GRANTS,
        None,
        "What claims are worth, such as groups=auditors->auditor, scope=audit.write->ingest; unset: nothing.",
        "grants",
    ),
    Setting(
        "oidc_clients",
        CLIENTS,
        None,
        "Client ids whose tokens are taken, * for any text; unset: those of every client.",
        "clients",
    ),
    Setting(
        "oidc_denied_clients",
        CLIENTS,
        None,
        "Client ids whose tokens are refused, also where the list above names them.",
        "denied_clients",
    ),
    Setting(
        "oidc_client_documents",
        Kind("off or on", _off_or_on),
        "off",
        "Whether the documents of clients whose ids are addresses are fetched, for their names: off or on.",
        "client_documents",
    ),
    Setting(
        "dashboard_url",
        Kind(_ADDRESS, _public),
        None,
        "Address at which browsers reach the dashboard; needed for logging in at the issuer.",
    ),
    Setting(
        "oidc_client_id",
        TEXT,
        None,
        "Client id of the dashboard at the issuer, which has to know the redirect address "
        "`dashboard_url`/login/oidc/callback; unset: people log in by password.",
        "client_id",
    ),
    Setting(
        "oidc_client_secret_file",
        PATH,
        None,
        "File with the secret of that client, readable by nobody else; unset: a public client, with PKCE alone.",
        "client_secret_file",
    ),
    Setting(
        "oidc_scopes",
        WORDS,
        "openid,profile",
        "Scopes that are asked for when people log in.",
        "scopes",
    ),
)


def identity_settings(values: Mapping[str, object]) -> IdentitySettings:
    """Make the object; raise ConfigError for an issuer whose tokens would be for nobody."""
    found = area(IdentitySettings, SETTINGS, values)
    if found.issuer is not None and not (found.audiences or found.public_url):
        raise ConfigError(
            "--oidc-issuer needs --public-url or --oidc-audiences: without an audience, a token that was given "
            "for another service would be taken here"
        )
    if found.client_id is not None and (found.issuer is None or found.dashboard_url is None):
        raise ConfigError(
            "--oidc-client-id needs --oidc-issuer, where people log in, and --dashboard-url, to which they come back"
        )
    return found
