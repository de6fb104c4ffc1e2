"""Clients that show a certificate: what it names, as rules of grants read it, and who that is here.

TLS has verified the certificate by the authorities of the settings before anything here runs. Its names travel
with a request beside its headers, under a name that no header can have.

The caller's id is a keyed digest of the name by which a certificate is called, so that whoever renews it stays the
same sender; which certificate it was stands in the records as evidence.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256

from tallystick.capture.identity import Client, Credential, Identity, Principal, joined
from tallystick.errors import AuthenticationError
from tallystick.recording.masked import Masking, digest
from tallystick_ingest.auth.gate import Caller
from tallystick_ingest.auth.grants import Grants

CALLER_PREFIX: Final = "cert-"
MAX_NAMES: Final = 100
MAX_NAME_CHARS: Final = 64
_ID_CHARS: Final = 16
_Name = x509.UniformResourceIdentifier | x509.DNSName | x509.RFC822Name
_KINDS: Final[tuple[tuple[str, type[_Name]], ...]] = (
    ("uri", x509.UniformResourceIdentifier),
    ("dns", x509.DNSName),
    ("email", x509.RFC822Name),
)
"""Kinds of alternative names that rules may name; what a certificate is called by comes first."""


@dataclass(frozen=True, slots=True)
class Certificates:
    """Makes callers of certificates. Safe to use from several threads."""

    grants: Grants
    masking: Masking

    def caller(self, names: str) -> Caller:
        """Return whom a certificate names, of what `certificate_names` printed.

        Raises AuthenticationError for one to which no rule grants anything.
        """
        stated: Mapping[str, Any] = json.loads(names)
        granted = self.grants.of(stated)
        fingerprint = str(stated["fingerprint"])
        if not granted.scopes:
            raise AuthenticationError(
                f"no rule of --tls-grants says what the certificate {fingerprint} may do; "
                "send `Authorization: Bearer <API key>`, or ask for a rule"
            )
        kind, called = _called(stated)
        named = digest(self.masking, "principal", joined(kind, called).encode("utf-8", "replace"))
        id_, name = CALLER_PREFIX + named[:_ID_CHARS], called[:MAX_NAME_CHARS]
        identity = Identity(
            Principal(id=name, type="service", basis="authenticated"),
            Client(id=id_, basis="authenticated"),
            credential=Credential(evidence={"fingerprint": fingerprint}),
        )
        return Caller(
            id_, name, granted.scopes, role=granted.role, reach=granted.reach, identity=identity
        )


def certificate_names(certificate: x509.Certificate) -> str:
    """Print what a certificate names: alternative names by kind, its subject, and its fingerprint (SHA-256)."""
    try:
        extension = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
        found = {
            kind: [one.value for one in extension.value if isinstance(one, type_)][:MAX_NAMES]
            for kind, type_ in _KINDS
        }
    except (x509.ExtensionNotFound, x509.DuplicateExtension, ValueError):
        found = {}
    stated: dict[str, object] = {
        **{kind: names for kind, names in found.items() if names},
        "subject": certificate.subject.rfc4514_string(),
        "fingerprint": certificate.fingerprint(SHA256()).hex(),
    }
    return json.dumps(stated)


def _called(stated: Mapping[str, Any]) -> tuple[str, str]:
    """Return by what a certificate is called, and how."""
    for kind, _ in _KINDS:
        if stated.get(kind):
            return kind, str(stated[kind][0])
    kind = "subject" if stated["subject"] else "fingerprint"
    return kind, str(stated[kind])
