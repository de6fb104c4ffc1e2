"""An issuer of access tokens for the demonstration: JWTs signed with a key made here, for this run.

A real deployment has an authorization server; the claims are the ones that it would set (RFC 9068,
and RFC 8693 for the chain of actors).
"""

import time
from pathlib import Path
from typing import Final

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from mcp.server.auth.provider import AccessToken

ISSUER: Final = "https://login.example.com/"
LIFE_S: Final = 3600


class Issuer:
    """Holds the private key of this run, and writes the public one where a server can read it."""

    def __init__(self, public_key_file: Path) -> None:
        self._key = Ed25519PrivateKey.generate()
        public = self._key.public_key()
        public_key_file.write_bytes(
            public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        )

    def issue(self, subject: str, scopes: list[str], audience: str, actors: list[str]) -> str:
        """Give a token for `subject`; `actors` is the chain of agents, the current one first."""
        now = int(time.time())
        claims: dict[str, object] = {
            "iss": ISSUER,
            "sub": subject,
            "aud": audience,
            "client_id": "support-desk",
            "scope": " ".join(scopes),
            "iat": now,
            "exp": now + LIFE_S,
            "jti": f"demo-{now}-{subject}",
        }
        chain: dict[str, object] | None = None
        for actor in reversed(actors):
            chain = {"sub": actor, **({"act": chain} if chain else {})}
        return jwt.encode({**claims, **({"act": chain} if chain else {})}, self._key, "EdDSA")


class JwtVerifier:
    """Checks tokens against the issuer's public key: signature, issuer, audience, expiry."""

    def __init__(self, public_key_file: Path, audience: str) -> None:
        self._public_key = public_key_file.read_text(encoding="ascii")
        self._audience = audience

    async def verify_token(self, token: str) -> AccessToken | None:
        """Give what the token says, or None when it is not to be believed."""
        try:
            claims = jwt.decode(
                token, self._public_key, ["EdDSA"], audience=self._audience, issuer=ISSUER
            )
        except jwt.InvalidTokenError:
            return None
        return AccessToken(
            token=token,
            client_id=claims["client_id"],
            scopes=claims["scope"].split(),
            expires_at=claims["exp"],
            resource=claims["aud"],
            subject=claims["sub"],
            claims=claims,
        )
