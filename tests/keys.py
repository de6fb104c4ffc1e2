"""Ed25519 keys of a fixed seed for tests: the same names give the same bytes on every run."""

import hashlib
from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from tallystick.tlog.note import VerifierKey, verifier_key


@dataclass(frozen=True, slots=True)
class KeyPair:
    """A named private key that signs, and its public half."""

    name: str
    private: Ed25519PrivateKey

    @property
    def public_key(self) -> bytes:
        return self.private.public_key().public_bytes_raw()

    @property
    def key(self) -> VerifierKey:
        return verifier_key(self.name, self.public_key)

    def sign(self, message: bytes) -> bytes:
        return self.private.sign(message)


def key_pair(name: str, seed: str = "") -> KeyPair:
    """Give the key of a name; another `seed` gives another key under the same name."""
    secret = hashlib.sha256(f"{name} {seed}".encode()).digest()
    return KeyPair(name, Ed25519PrivateKey.from_private_bytes(secret))
