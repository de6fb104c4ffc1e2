"""Receipts: the client's and the server's record of the same call."""

from typing import Final

from tests.requirements.requirement import Requirement

RECEIPT: Final = {
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
}
