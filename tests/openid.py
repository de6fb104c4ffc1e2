"""A real OpenID provider for tests: oidc-provider in Node, with keys that the test holds too.

Holding the keys, a test can also sign what no honest provider would.
"""

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qsl, urljoin, urlsplit

import jwt
import requests
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

from tests.javascript import installed
from tests.patience import PATIENCE_S
from tests.ports import free_port

PROGRAM: Final = Path(__file__).with_name("integration") / "oidc"
RESOURCE: Final = "https://audit.example.org"
SCOPES: Final = "tallystick.ingest tallystick.read"
ROBOT: Final = "robot"
SECRET: Final = "a secret of the robot, long enough for it"
DASHBOARD: Final = "dashboard"
PEOPLE: Final[Mapping[str, Mapping[str, Any]]] = {
    "ada": {"groups": ["auditors", "everyone"], "name": "Ada Lovelace"},
    "bob": {"groups": ["everyone"], "name": "Bob"},
}

PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey


@dataclass(frozen=True)
class SigningKey:
    """A key of the provider."""

    kid: str
    algorithm: str
    private: PrivateKey

    @property
    def jwk(self) -> dict[str, Any]:
        """The private key as a provider is given it."""
        shown: dict[str, Any] = _printer(self.algorithm).to_jwk(self.private, as_dict=True)
        shown.pop("key_ops", None)
        return {**shown, "kid": self.kid, "alg": self.algorithm, "use": "sig"}

    @property
    def public_jwk(self) -> dict[str, Any]:
        """The public key as a provider publishes it."""
        printer = _printer(self.algorithm)
        shown: dict[str, Any] = printer.to_jwk(self.private.public_key(), as_dict=True)
        shown.pop("key_ops", None)
        return {**shown, "kid": self.kid, "alg": self.algorithm, "use": "sig"}

    def sign(self, claims: Mapping[str, Any], **header: Any) -> str:
        """Sign what no provider has to agree to."""
        stated = {"kid": self.kid, "typ": "at+jwt", **header}
        return jwt.encode(dict(claims), self.private, self.algorithm, stated)


def signing_key(kid: str, algorithm: str = "RS256") -> SigningKey:
    """Make a key."""
    if algorithm == "EdDSA":
        return SigningKey(kid, algorithm, ed25519.Ed25519PrivateKey.generate())
    if algorithm == "ES256":
        return SigningKey(kid, algorithm, ec.generate_private_key(ec.SECP256R1()))
    return SigningKey(kid, algorithm, rsa.generate_private_key(65537, 2048))


def _printer(algorithm: str) -> Any:
    return {"ES256": ECAlgorithm, "EdDSA": OKPAlgorithm}.get(algorithm, RSAAlgorithm)


@dataclass
class Provider:
    """A provider that runs; `run` starts one."""

    process: subprocess.Popen[str]
    port: int
    redirect_uris: Sequence[str]
    keys: list[SigningKey] = field(default_factory=list)

    @property
    def issuer(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def publish(self, *keys: SigningKey) -> None:
        """Sign with the first of `keys` from here on, and publish all of them and no other."""
        self.keys = list(keys)
        stated = {
            "issuer": self.issuer,
            "port": self.port,
            "jwks": {"keys": [key.jwk for key in keys]},
            "algorithm": keys[0].algorithm,
            "clients": self._clients(keys[0].algorithm),
            "people": PEOPLE,
            "resources": [RESOURCE, "https://other.example.org"],
            "scopes": SCOPES,
        }
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps(stated) + "\n")
        self.process.stdin.flush()
        assert "ready\n" in iter(self.process.stdout.readline, ""), "the provider did not start"

    def token(self, scope: str = SCOPES, resource: str = RESOURCE) -> str:
        """Get an access token for a program, by client credentials."""
        answer = requests.post(
            f"{self.issuer}/token",
            {"grant_type": "client_credentials", "scope": scope, "resource": resource},
            auth=(ROBOT, SECRET),
            timeout=PATIENCE_S,
        )
        assert answer.status_code == 200, answer.text
        return str(answer.json()["access_token"])

    def log_in(self, url: str, name: str) -> dict[str, str]:
        """Go where a log-in begins, be `name`, agree to everything, and return what comes back to the client."""
        with requests.Session() as browser:
            answer = browser.get(url, allow_redirects=False, timeout=PATIENCE_S)
            while True:
                place = answer.headers.get("location")
                assert place is not None, answer.text
                place = urljoin(self.issuer, place)
                if not place.startswith(self.issuer):
                    return dict(parse_qsl(urlsplit(place).query))
                answer = browser.get(place, allow_redirects=False, timeout=PATIENCE_S)
                prompt = re.search(r'name="prompt" value="(\w+)"', answer.text)
                if prompt is not None:
                    form = {"prompt": prompt[1], "login": name, "password": "any"}
                    answer = browser.post(place, form, allow_redirects=False, timeout=PATIENCE_S)

    def fetches(self, path: str = "/jwks") -> int:
        """Count the requests to an address so far."""
        counted: int = requests.get(f"{self.issuer}/counts", timeout=PATIENCE_S).json().get(path, 0)
        return counted

    def stop(self) -> None:
        """Be gone."""
        self.process.terminate()
        self.process.wait(PATIENCE_S)

    def _clients(self, algorithm: str) -> list[dict[str, Any]]:
        return [
            {
                "client_id": ROBOT,
                "client_secret": SECRET,
                "grant_types": ["client_credentials"],
                "redirect_uris": [],
                "response_types": [],
                "id_token_signed_response_alg": algorithm,
            },
            {
                "client_id": DASHBOARD,
                "client_secret": SECRET,
                "grant_types": ["authorization_code"],
                "redirect_uris": list(self.redirect_uris),
                "response_types": ["code"],
                "id_token_signed_response_alg": algorithm,
            },
        ]


@contextmanager
def run(
    redirect_uris: Sequence[str] = ("http://127.0.0.1:8501/login/oidc/callback",),
) -> Iterator[Provider]:
    """Run a provider with one RS256 key."""
    place = installed(PROGRAM)
    program = place / f"provider-{os.getpid()}.mjs"
    shutil.copy(PROGRAM / "provider.mjs", program)
    command = ["node", str(program)]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True) as process:
        try:
            provider = Provider(process, free_port(), redirect_uris)
            provider.publish(signing_key("first"))
            yield provider
        finally:
            process.terminate()
