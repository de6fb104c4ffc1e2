"""Whom an issuer of tokens names, and how far that is believed."""

from typing import Final

from tests.requirements.requirement import Requirement

IDENTITY: Final = {
    "auth.tokens": Requirement(
        "RFC 9068 section 4; RFC 8725",
        "A token is taken when the issuer of the settings signed it by an allowed algorithm, for this service, and it"
        " is in force; every other is refused.",
    ),
    "auth.issuer-keys": Requirement(
        "RFC 7517; RFC 8725 section 3.10; promise: nobody makes the service fetch at will",
        "Keys come from the address that the issuer states, are kept while it is away, and are fetched no more often"
        " for whatever is sent.",
    ),
    "auth.grants": Requirement(
        "ISO/IEC 27001 A.8.3; promise: nothing by default",
        "A verified claim is worth what the operator says, and nothing else.",
    ),
    "auth.clients": Requirement(
        "RFC 9700; draft-ietf-oauth-client-id-metadata-document",
        "Which programs may come with a token is decided by their ids, also where those are addresses, and without"
        " fetching anything.",
    ),
    "auth.client-documents": Requirement(
        "draft-ietf-oauth-client-id-metadata-document section 6; OWASP SSRF",
        "A client's own document is fetched only where the operator wants it, from a public address alone, decides"
        " nothing, and makes nobody wait.",
    ),
    "auth.metadata": Requirement(
        "RFC 9728; RFC 6750 section 3",
        "Whoever comes without a token that suffices is told why, and where tokens come from, by the settings alone.",
    ),
    "auth.sign-on": Requirement(
        "OpenID Connect Core section 3.1; RFC 9700; RFC 9207",
        "People log in at the issuer, with the rights that rules give their claims; what another browser, log-in or"
        " issuer brings logs nobody in.",
    ),
    "tls.ports": Requirement(
        "RFC 9325; NIST SP 800-52r2",
        "The service speaks TLS 1.2 and above on its own ports, HTTP and gRPC, and says before it listens what is wrong"
        " with a certificate.",
    ),
    "tls.clients": Requirement(
        "RFC 8446 section 4.4.2; promise: nothing by default",
        "A client's certificate, verified by TLS and never by a header, is worth what a rule says.",
    ),
    "tls.revoked": Requirement(
        "RFC 5280 sections 5 and 6.3; NIST SP 800-52r2",
        "A client's certificate that stands in a list of revoked ones, or of which no current list speaks, is worth"
        " nothing, over HTTP and gRPC, from the next request on.",
    ),
}
