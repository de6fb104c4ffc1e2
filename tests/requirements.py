"""What Tallystick owes to whom: each obligation, its source, and the behaviour that meets it.

A test names what it holds: `@requirement("record.no-floats")`. test_requirements.py compares both
ways: no requirement without a test or a written reason, no mark without a requirement.
"""

from dataclasses import dataclass
from typing import Final

import pytest


@dataclass(frozen=True, slots=True)
class Requirement:
    """One obligation."""

    source: str
    """Article, RFC section, specification or promise of ours that asks for it."""

    behaviour: str
    """What the product does, as a sentence that a test can refute."""

    untested_reason: str | None = None
    """Why no test holds it; None when one does."""


def requirement(*ids: str) -> pytest.MarkDecorator:
    """Mark a test, a class or a module (`pytestmark`) with the requirements it holds."""
    return pytest.mark.requirement(*ids)


_RECORD: Final = {
    "record.no-floats": Requirement(
        "promise: no float in signed bytes",
        "A statement with a float or an integer of 2^53 or more is neither made nor accepted.",
    ),
    "record.one-form": Requirement(
        "RFC 8785",
        "A statement has one form: compact JSON, sorted ASCII keys, no key twice; other forms are"
        " refused.",
    ),
    "record.exact-bytes": Requirement(
        "promise: the exact bytes of line 1 are kept",
        "What was signed is verified as received and never put into canonical form again.",
    ),
    "record.disclosures-bound": Requirement(
        "RFC 9901 section 4.2",
        "A disclosure that line 1 does not bind by its SHA-256 is refused; a missing one is no"
        " fault.",
    ),
    "record.no-personal-data-in-line-1": Requirement(
        "GDPR article 17",
        "What can name a person stands in disclosures, so that erasing it leaves line 1 whole.",
    ),
    "record.spec-equals-code": Requirement(
        "promise: another language can implement docs/spec",
        "The table of fields in the specification and the one in the code are the same.",
    ),
    "record.three-identities": Requirement(
        "AI Act article 12(1); RFC 8693 section 4.1",
        "Principal, client and agent are separate claims, each with its basis, never merged.",
    ),
}

_SDK: Final = {
    "sdk.every-call-recorded": Requirement(
        "AI Act article 12(1)",
        "Each tool call of 200 concurrent ones has its record, without a hole in the sequence.",
    ),
    "tooldef.flags": Requirement(
        "CoSAI, OWASP MCP03:2025",
        "Hidden characters and text that instructs the model are found in every string of a tool's definition,"
        " and nothing but notices in honest definitions; the statement holds kinds and counts alone.",
    ),
    "tooldef.observed": Requirement(
        "CoSAI",
        "Each definition of each page of a tools/list is recorded once a session, with its digest.",
    ),
    "tooldef.first-use": Requirement(
        "our promise",
        "The definition of a tool that nobody lists, of a framework or a function, is recorded before its first call,"
        " once in a process for each agent; one that passes calls on to an MCP server is that server's, not doubled.",
    ),
    "tooldef.in-force": Requirement(
        "CoSAI", "A call states the digest of the definition under which it ran."
    ),
    "tooldef.changed": Requirement(
        "OWASP MCP03:2025",
        "A definition that differs from the one known before of the same server names that one and the members.",
    ),
    "tooldef.servers-apart": Requirement(
        "our promise", "Servers of one name do not change each other's tools."
    ),
    "tooldef.new-address": Requirement(
        "our promise",
        "A server of a known name at an address that is new to its client is said to be there, with the definition"
        " that its tool had at the former one.",
    ),
    "tooldef.masked": Requirement(
        "GDPR article 5", "Personal data in a tool's definition is masked as in any other value."
    ),
    "sdk.started-before": Requirement(
        "AI Act article 12(1)",
        "A tool that may change something has its start recorded before it runs.",
    ),
    "sdk.spans-as-records": Requirement(
        "promise: a program with its own instrumentation needs no hook",
        "A finished span of a tool call by any of four conventions becomes one signed record; a call that a"
        " hook records too stays one record.",
    ),
    "store.blob-sweep": Requirement(
        "our promise",
        "A blob that no record names is removed after 30 days, an unfinished file after an hour; one that a record"
        " names, or that was sent again, stays.",
    ),
    "sdk.large-values": Requirement(
        "promise: nothing is cut silently",
        "A value above the record's limit is kept whole and masked as a blob that a disclosure names; a blob that"
        " is missing or changed is named by the verifier, and one that there is not says why.",
    ),
    "sdk.required-or-refused": Requirement(
        "promise: failing open or closed is a setting said aloud",
        "A required tool whose record cannot be made durable first does not run.",
    ),
    "sdk.host-never-broken": Requirement(
        "promise: the host never breaks by accident",
        "Results, errors and cancellation of an instrumented call are those of the bare call.",
    ),
    "sdk.light": Requirement(
        "promise: the SDK is light",
        "Importing the SDK loads no framework, no server and no database.",
    ),
    "receipt.agreed": Requirement(
        "promise: each of two parties holds a half of the tally",
        "With `receipts` on, the server's record of an MCP tool call states the hash of the client's and"
        " the same digest of nonce and arguments, over every transport and between mcp 1.x and 2.x.",
    ),
    "receipt.digest": Requirement(
        "docs/spec/receipt.md",
        "The digest is SHA-256 over the nonce and the RFC 8785 form of name and arguments; the nonce"
        " stands in no record.",
    ),
    "receipt.hostile-meta": Requirement(
        "docs/spec/receipt.md",
        "A malformed or oversized receipt is as if none had come: the tool runs and the call is recorded.",
    ),
    "receipt.told": Requirement(
        "docs/spec/receipt.md",
        "A trace says of each MCP call whether both ends agree, ids alone join them, arguments differ,"
        " only one end is there, or a receipt was used again.",
    ),
    "receipt.verified": Requirement(
        "docs/spec/package.md, step 13",
        "The verifier compares what a server states of a client's record with that record, where it is"
        " present; a difference is a notice, and an absent record is counted.",
    ),
    "sdk.no-baggage": Requirement(
        "W3C Baggage, section 4 (privacy)",
        "Tallystick puts nothing into baggage, and nothing that names a person into `_meta`.",
    ),
    "sdk.identity-from-token": Requirement(
        "RFC 8693 section 4.1; RFC 9068",
        "Identity comes from the verified token of this very request; the token is never kept.",
    ),
    "sdk.claims-are-evidence": Requirement(
        "RFC 8725 sections 2 and 3; OAuth 2.1",
        "A claim that is malformed, or that nobody verified, names nobody as authenticated and is kept.",
    ),
    "sdk.framework-user": Requirement(
        "CoSAI; promise: nothing that nobody verified counts as authenticated",
        "The user in a framework's own context is stated as asserted, and never over what the program says.",
    ),
    "sdk.pass-through": Requirement(
        "MCP authorization, token passthrough; OWASP MCP",
        "What a client sends and what a server is presented with have one keyed digest, so that a token"
        " passed on and a shared key can be found.",
    ),
    "sdk.scope-checks": Requirement(
        "RFC 6750 section 3.1; MCP authorization",
        "Answers of mcp's own token and scope check are on record: an allow on the call, a denial even"
        " where no call follows.",
    ),
    "sdk.no-secret-anywhere": Requirement(
        "promise: no secret in a log line, a URL or an error",
        "No credential that a server is presented with stands in any record or printed line.",
    ),
    "sdk.approvals-bound": Requirement(
        "AI Act article 14(4)(d); OpenTelemetry GenAI 95",
        "Request and decision of an approval share an id and the keyed digest of what was shown.",
    ),
    "sdk.elicitation-is-approval": Requirement(
        "MCP 2025-11-25 elicitation; MCP 2026-07-28 multi round-trip requests",
        "What a server asks a person, and their answer, is an approval joined to the call that waits.",
    ),
    "sdk.denial-stands": Requirement(
        "AuthZEN 1.0; AI Act article 14(4)(e)",
        "An enforced refusal stays the answer of a call, whatever is said later, and no answer is"
        " dropped.",
    ),
    "spool.survives-kill": Requirement(
        "promise: nothing acknowledged is lost",
        "After SIGKILL at any moment, every record appended before it is read back whole.",
    ),
    "spool.forgets-what-a-200-covered": Requirement(
        "OTLP 1.11, response handling",
        "A record leaves the spool for a 200 that covers it; a rejected one is kept with its"
        " reason.",
    ),
    "spool.full-is-counted": Requirement(
        "promise: never silent",
        "A spool at its cap or unwritable follows `spool_full`, and what is given up is stated exactly,"
        " also when the process that gave it up is killed.",
    ),
    "spool.sync-never-lies": Requirement(
        "promise: nothing acknowledged is lost; fsyncgate",
        "After a failed fsync nothing is added to the session and no later sync claims what it held.",
    ),
    "recovery.no-window": Requirement(
        "promise: no false alarm",
        "The log gets a dead session's unsealed tail and the record that states it as recovered in"
        " one request, or neither.",
    ),
    "seal.every-record": Requirement(
        "promise: only sealed counts as signed",
        "Each record is sealed, recovered or unsealed; the verifier says which, and a missing seal"
        " is a failure.",
    ),
    "session.silence-is-a-gap": Requirement(
        "DORA RTS 2024/1774 article 12",
        "A session that ends without its closing leaf, and a hole in a sequence, are reported.",
    ),
}

_MASKING: Final = {
    "mask.before-writing": Requirement(
        "GDPR article 25",
        "No canary byte of personal data or secrets reaches spool, store, tiles, logs or package.",
    ),
    "mask.fails-closed": Requirement(
        "promise: cannot mask means withheld",
        "A value that cannot be masked is withheld, and the record says so.",
    ),
    "mask.detectors-validate": Requirement(
        "GDPR article 5(1)(c)",
        "E-mail, phone, UK national insurance number, card, IBAN, API keys and JWTs are found, also"
        " when written with other Unicode digits, and look-alikes that fail their check sum stay.",
    ),
    "mask.own-pipeline": Requirement(
        "promise: spans of a host's own OpenTelemetry pipeline are masked as records are",
        "Behind the masking exporter no text field of a span that leaves the process holds a canary; what"
        " cannot be masked is withheld and counted, and the host's own spans stay as they are.",
    ),
    "mask.ledger": Requirement(
        "AI Act article 19(1); GDPR article 5(2)",
        "Each record states the digest of the masking policy and the hits by type.",
    ),
}

_SERVICE: Final = {
    "otlp.success-after-commit": Requirement(
        "promise: 200 only after the durable commit",
        "The fsync of the commit comes before the first byte of the 200.",
    ),
    "otlp.collector": Requirement(
        "promise: records survive a Collector that leaves their bodies alone",
        "Merged, split, repeated and reordered requests give the same records; a rewritten body never counts as"
        " sealed, and what is refused is on record.",
    ),
    "otlp.partial-success": Requirement(
        "OTLP 1.11, partial success",
        "Bad records are counted with a reason; the good ones of the same request are kept.",
    ),
    "otlp.grpc": Requirement(
        "OTLP 1.11, OTLP/gRPC",
        "Traces, logs and metrics are taken over gRPC as over HTTP: same limits, same keys, partial success, and"
        " the status codes that the specification gives.",
    ),
    "otlp.bounded-cost": Requirement(
        "promise: the cost of a request is bounded by what its sender paid for it",
        "Records and objects are counted before they are made, bodies in room that they fill, heads and bodies have a"
        " time, and a flood of refusals is recorded by count.",
    ),
    "otlp.content-type-answered": Requirement(
        "OTLP 1.11, OTLP/HTTP response",
        "Protobuf is answered in protobuf and JSON in JSON, errors too.",
    ),
    "otlp.never-500": Requirement(
        "promise: no 500 for bad input; OTLP 1.11, failures",
        "Garbage is a 400, an unknown type 415, a body over the limit 413, overload 503.",
    ),
    "otlp.foreign-client": Requirement(
        "OTLP 1.11, both encodings and transports",
        "What OpenTelemetry JavaScript sends, over HTTP and gRPC, is accepted, masked, and marked as"
        " derived and not signed.",
    ),
    "auth.from-the-first-start": Requirement(
        "AI Act article 26(6); RFC 6750 section 3",
        "Nothing is read or written without a credential, from the first start on.",
    ),
    "auth.accounts": Requirement(
        "AI Act article 26(6); NIST SP 800-63B-4 section 3.2.2",
        "People log in by name and password or by a link that works once; guessing is slowed, and a"
        " session ends by itself, at log-out and with its account.",
    ),
    "auth.roles": Requirement(
        "ISO/IEC 27001 A.8.3; promise: least privilege",
        "A viewer reads, an auditor also exports, an administrator may do everything.",
    ),
    "admit.forged-refused": Requirement(
        "promise: every forgery is named",
        "An unknown key, a forged seal or a wrong root is refused, with a reason, and recorded.",
    ),
    "admit.duplicate-and-conflict": Requirement(
        "OTLP 1.11, retries; RFC 9162 section 11.3",
        "The same line 1 again is a duplicate; another line 1 at the same place is kept and is an"
        " alarm.",
    ),
    "access.recorded": Requirement(
        "PCI DSS 10.2.1.3; DORA RTS 2024/1774 article 12",
        "Reading, exporting and revealing records is itself recorded, once per action of a user.",
    ),
    "store.append-only": Requirement(
        "AI Act article 19(1)",
        "A stored event is never updated, and survives kill -9 of the service after its 200.",
    ),
    "store.columns-follow-statements": Requirement(
        "promise: every column is a function of signed bytes",
        "Recomputing any column of any row from its statement gives the stored value.",
    ),
}

_PROOF: Final = {
    "tlog.tree": Requirement(
        "RFC 9162 section 2.1",
        "Roots, inclusion and consistency proofs are those of RFC 9162; third-party vectors agree.",
    ),
    "tlog.checkpoint-strict": Requirement(
        "C2SP signed-note and tlog-checkpoint",
        "A checkpoint is read only in the form that is printed; every other byte is refused.",
    ),
    "tlog.tiles": Requirement(
        "C2SP tlog-tiles",
        "Tiles and entry bundles are files in the published layout, written after the data.",
    ),
    "tlog.signatures": Requirement(
        "RFC 8032 section 5.1.7",
        "The standard-library Ed25519 accepts and refuses what the published vectors say.",
    ),
    "log.entangled": Requirement(
        "promise: each party keeps a half",
        "A service that is shown a larger checkpoint than its own stops signing and says so.",
    ),
    "verify.any-column": Requirement(
        "AI Act article 19(1); promise: the place is named",
        "Any changed column, removed row, edited tile or cut tail gives exit 1 and its place.",
    ),
    "verify.no-silent-pass": Requirement(
        "promise: no pass when a layer was not checked",
        "Each step says what was checked, found and not checked; without a trust policy exit is 2.",
    ),
    "verify.operator-re-signs": Requirement(
        "promise: nobody has to trust the operator",
        "A store that is re-signed as a whole with a new key never verifies under the old policy.",
    ),
    "verify.only-its-own-error": Requirement(
        "promise: a verifier raises VerificationError and nothing else",
        "Garbage of any kind gives a verdict, never a traceback.",
    ),
    "verify.standard-library": Requirement(
        "promise: with nobody's software",
        "What verifies imports the standard library alone, all the way down.",
    ),
    "package.two-verifiers-agree": Requirement(
        "AI Act article 21; promise: with nobody's software",
        "verify.py in an empty Python gives the full verifier's verdict on every mutated package.",
    ),
    "package.checksums": Requirement(
        "AI Act article 21(1)",
        "SHA256SUMS of a package passes sha256sum, and its manifest is signed.",
    ),
    "trace.signed-spans": Requirement(
        "promise: spans are signed through events",
        "Each tool-call span can be derived from a signed statement; a stage that nobody observed"
        " has no duration.",
    ),
    "use.periods": Requirement(
        "AI Act articles 12(2) and 26(5)",
        "Each action has start, end, caller, agent, tool, outcome and refusal, joined in one"
        " trace.",
    ),
}

_TRACE_PAGE: Final = {
    "dashboard.any-parents": Requirement(
        "promise: bad input is harmless and said",
        "Whatever the parents of spans say, the trace page shows every span and record in exactly"
        " one row, and names loops and missing parents.",
    ),
    "dashboard.derived-unsealed": Requirement(
        "promise: what nobody signed at its source never looks signed",
        "A derived event never carries the seal icon.",
    ),
    "dashboard.corrupt-row": Requirement(
        "promise: a changed row is named",
        "A record whose stored copy contradicts its signed bytes, or that cannot be read, turns its"
        " trace's page red.",
    ),
    "dashboard.trace-red": Requirement(
        "promise: what was refused or failed is seen at once",
        "A denied or failed call makes its trace's page red, and no other page.",
    ),
    "dashboard.proof": Requirement(
        "RFC 9162 section 2.1.3.2; promise: a reader need not believe the service",
        "The trace page recomputes leaf, seal, checkpoint and inclusion of a record from its exact"
        " lines; each step says ok, failed, or not checked and why.",
    ),
    "dashboard.inert": Requirement(
        "OWASP ASVS 5.0 V1.3",
        "Text that an agent or a tool wrote is shown as text: markup, control characters and marks"
        " that turn the direction of writing do nothing.",
    ),
}

_SHELL: Final = {
    "dashboard.guard": Requirement(
        "OWASP ASVS 5.0 V3.4, V3.5, V4.4",
        "The dashboard serves hosts and origins of its own alone, opens pages and its websocket to a"
        " session alone, and states a strict policy with every answer.",
    ),
    "dashboard.filters": Requirement(
        "promise: every view is a link",
        "Filters and pages of the list of actions stand in the address and reach the service.",
    ),
    "dashboard.rights": Requirement(
        "OWASP ASVS 5.0 V8.2",
        "Each run of a page asks for the visitor's rights anew; an end of the session leads to the login.",
    ),
    "dashboard.launch": Requirement(
        "promise: one process to start",
        "The dashboard starts and ends with the service, however that ends, and never stops it.",
    ),
}

_SCREENS: Final = {
    "dashboard.clean": Requirement(
        "WCAG 2.2 level AA; promise: nothing leaves the machine",
        "Each page, in both palettes: no console error, no violation of its policy, no request to"
        " another place, no serious finding of axe.",
    ),
    "dashboard.login": Requirement(
        "OWASP ASVS 5.0 V6.3, V7.4",
        "Without a session every page leads to the login; a one-time link works once; after a logout"
        " the old cookie opens nothing.",
    ),
    "dashboard.links": Requirement(
        "promise: every view is a link",
        "The address of a call in a trace shows the same call to whoever opens it.",
    ),
    "dashboard.service-away": Requirement(
        "promise: silence never looks like an empty log",
        "While the service is away every page says so and nothing about the log.",
    ),
    "dashboard.large-trace": Requirement(
        "promise: a large trace opens",
        "A trace of 10,000 spans, with loops and orphans, opens with fewer than 3,000 elements.",
    ),
    "dashboard.numbers": Requirement(
        "AI Act article 21; promise: screens and evidence agree",
        "The numbers of the overview equal SQL over the package of the same period.",
    ),
    "dashboard.demo": Requirement(
        "promise: a reader's first minute",
        "`make demo` in a terminal leaves the dashboard open; its links work; Ctrl-C ends it.",
    ),
}

_EXPORT: Final = {
    "export.law-is-data": Requirement(
        "Regulation (EU) 2026/1744",
        "Provisions, their dates and the checks come from one file pinned to a CELEX number.",
    ),
    "export.card": Requirement(
        "AI Act articles 11 and 26",
        "A system card is strict data; errors name line and field; an empty one leaves checks open.",
    ),
    "export.no-verdict-from-counts": Requirement(
        "AI Act article 99(5)",
        "Nothing supports that records cannot show; no activity is never a pass; there is no score.",
    ),
    "export.gate": Requirement(
        "promise: a pass needs every layer",
        "While INT-1, INT-2 or INT-3 does not hold, no check says more than does_not_support.",
    ),
    "export.numbers-are-queries": Requirement(
        "AI Act article 21",
        "Each number of a report is a query that runs over the package and gives the printed hash.",
    ),
    "export.verifiable": Requirement(
        "AI Act article 21",
        "The manifest covers every file of a report; a changed one is named.",
    ),
    "export.inert": Requirement(
        "promise: hostile text is inert and readable",
        "No text of an agent or operator acts, hides or reverses in HTML or CSV of a report.",
    ),
    "export.jobs": Requirement(
        "DORA RTS 2024/1774 article 12",
        "Exports run one at a time, are on record, and leave no file behind after a day or a restart.",
    ),
}

_PROJECT: Final = {
    "project.layers": Requirement(
        "promise: imports run one way",
        "No package imports one above it; database and screens stay in their rooms.",
    ),
    "project.locks": Requirement(
        "promise: exact versions, checked hashes",
        "Every locked package has hashes, and no lock names an index.",
    ),
}

REQUIREMENTS: Final[dict[str, Requirement]] = {
    **_RECORD,
    **_SDK,
    **_MASKING,
    **_SERVICE,
    **_PROOF,
    **_TRACE_PAGE,
    **_SHELL,
    **_SCREENS,
    **_EXPORT,
    **_PROJECT,
}
