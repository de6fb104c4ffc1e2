"""What one record is, byte by byte."""

from typing import Final

from tests.requirements.requirement import Requirement

RECORD: Final = {
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
