"""Who may do what, and the record of it."""

from typing import Final

from tests.requirements.requirement import Requirement

ACCESS: Final = {
    "auth.from-the-first-start": Requirement(
        "AI Act article 26(6); RFC 6750 section 3",
        "Nothing is read or written without a credential, from the first start on.",
    ),
    "auth.accounts": Requirement(
        "AI Act article 26(6); NIST SP 800-63B-4 section 3.2.2",
        "People log in by name and password or by a link that works once; guessing is slowed, and a"
        " session ends by itself, at log-out and with its account.",
    ),
    "auth.keys": Requirement(
        "NIST SP 800-57 part 1 section 5.3; promise: a key that leaks is ended at once",
        "An API key has scopes, a reach and an end, is kept as a digest, and opens nothing once it was revoked;"
        " nobody gives one more than they have, and each change is on record.",
    ),
    "auth.reach": Requirement(
        "ISO/IEC 27001 A.8.3; GDPR article 25(2)",
        "Whoever's reach is cut to environments, agents, tools or resources sees nothing of the others, in no"
        " list, count or proof; arguments, results and names take rights of their own.",
    ),
    "auth.rate-limits": Requirement(
        "OWASP API4:2023; RFC 6585 section 4",
        "One caller who asks or sends too often is told to wait, by 429 on the query API and 503 on OTLP paths,"
        " and slows nobody else; a key may have limits of its own; guessing credentials and log-ins is slowed by"
        " address.",
    ),
    "auth.forwarded": Requirement(
        "OWASP API4:2023; promise: nobody says for themselves who they are",
        "The address by which guesses and log-ins are slowed, at the service and the dashboard, is the one that a"
        " listed proxy names; from an address that is not listed a header changes nothing.",
    ),
    "auth.secure-headers": Requirement(
        "OWASP Secure Headers Project; RFC 6797",
        "Every answer tells a browser neither to guess its type, keep it, frame it nor send its address on.",
    ),
    "auth.roles": Requirement(
        "ISO/IEC 27001 A.8.3; promise: least privilege",
        "Each role is let in where its scopes say, by every route, and nowhere else; only an administrator may do"
        " everything.",
    ),
    "access.recorded": Requirement(
        "PCI DSS 10.2.1.3; DORA RTS 2024/1774 article 12",
        "Reading, exporting and revealing records is itself recorded, once per action of a user.",
    ),
    "access.tenants": Requirement(
        "promise: tenants",
        "A credential leads to the tenant that gave it out, whose application knows no other store.",
    ),
}
