"""What the service says of itself to whoever needs a token: RFC 9728, and the challenge of RFC 6750.

Everything here follows from the operator's settings. The `Host` of a request is never believed: whoever chose it
could send a client to an issuer of their own.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from tallystick_ingest.auth.grants import Grants, parse_grants
from tallystick_ingest.settings.identity import IdentitySettings

WELL_KNOWN: Final = "/.well-known/oauth-protected-resource"
ENDPOINTS: Final = ("/v1/logs", "/v1/traces", "/v1/metrics", "/api/v1")
"""Addresses below the public one under which the same metadata is found; tokens for one of them are taken too."""
_REALM: Final = 'Bearer realm="tallystick"'
_UNAUTHENTICATED: Final = 401
_FORBIDDEN: Final = 403
_OTLP_PATH: Final = "/v1/"


@dataclass(frozen=True, slots=True)
class Challenges:
    """What is said to whoever came without a token that suffices."""

    resource: str | None = None
    """The public address; None: nobody is told where tokens come from."""
    issuer: str = ""
    scopes: tuple[str, ...] = ()
    """Those of the issuer that are worth something here."""
    sending: tuple[str, ...] = ()
    """Those with which OTLP can be sent."""

    @property
    def metadata_url(self) -> str | None:
        """Where the metadata is, by RFC 9728, section 3: the well-known path stands before the resource's own."""
        if self.resource is None:
            return None
        parts = urlsplit(self.resource)
        return f"{parts.scheme}://{parts.netloc}{WELL_KNOWN}{parts.path}"

    def metadata(self, path: str) -> Mapping[str, object] | None:
        """Return the document at WELL_KNOWN + `path`; None where there is none."""
        if self.resource is None:
            return None
        own = urlsplit(self.resource).path
        below = path.removeprefix(own)
        if not path.startswith(own) or below not in ("", *ENDPOINTS):
            return None
        stated: dict[str, object] = {
            "resource": self.resource + below,
            "authorization_servers": [self.issuer],
            "bearer_methods_supported": ["header"],
            "resource_name": "Tallystick",
        }
        return {**stated, "scopes_supported": list(self.scopes)} if self.scopes else stated

    def challenge(self, status: int, path: str, *, has_credential: bool) -> str | None:
        """Return WWW-Authenticate for an answer of this status; None where it has none."""
        if status not in (_UNAUTHENTICATED, _FORBIDDEN):
            return None
        said = {"resource_metadata": self.metadata_url}
        if status == _FORBIDDEN:
            wanted = " ".join(self.sending) if path.startswith(_OTLP_PATH) else None
            said = {"error": "insufficient_scope", "scope": wanted or None, **said}
        elif has_credential:
            said = {"error": "invalid_token", **said}
        return ", ".join((_REALM, *(f'{name}="{text}"' for name, text in said.items() if text)))


NO_CHALLENGES: Final = Challenges()
"""Without an issuer: no one is told where to get a token."""


def challenges_of(settings: IdentitySettings) -> Challenges:
    """Return what the settings let the service say of itself."""
    if settings.issuer is None or settings.public_url is None:
        return NO_CHALLENGES
    grants = parse_grants(settings.grants)
    return Challenges(
        settings.public_url, settings.issuer, _scopes(grants), _scopes(grants, "ingest")
    )


def accepted_audiences(settings: IdentitySettings) -> Sequence[str]:
    """Return what a token may be for: what the settings say, else each address that the metadata names."""
    if settings.audiences or settings.public_url is None:
        return settings.audiences
    return [settings.public_url + below for below in ("", *ENDPOINTS)]


def _scopes(grants: Grants, worth: str | None = None) -> tuple[str, ...]:
    return tuple(
        dict.fromkeys(
            rule.value
            for rule in grants.rules
            if rule.claim in ("scope", "scp") and (worth is None or worth in rule.scopes)
        )
    )
