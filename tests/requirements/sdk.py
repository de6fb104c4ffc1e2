"""What the SDK does inside a host program."""

from typing import Final

from tests.requirements.requirement import Requirement

SDK: Final = {
    "sdk.every-call-recorded": Requirement(
        "AI Act article 12(1)",
        "Each tool call of 200 concurrent ones has its record, without a hole in the sequence.",
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
}
