"""The log, its proofs, and who verifies them."""

from typing import Final

from tests.requirements.requirement import Requirement

PROOF: Final = {
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
    "log.proofs-at-once": Requirement(
        "RFC 9162 section 2.1.3; our promise",
        "Up to 1,000 entries are proven in one answer, each under the checkpoint that comes with it; one that cannot be"
        " proven refuses the whole.",
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
    "use.projections": Requirement(
        "promise: an answer is never shorter than what is kept",
        "An answer from roll-ups is that of the rows alone, however far the roll-ups reach.",
    ),
    "use.percentiles": Requirement(
        "our promise",
        "A percentile of durations lies within 5 % of the action at its rank.",
    ),
    "use.search": Requirement(
        "promise: an answer is never shorter than what is kept",
        "A search finds a text wherever it stands in a period's records, or says where it has to go on.",
    ),
    "use.query-limit": Requirement(
        "our promise",
        "A query that takes too long is ended with a clear error, and harms no other.",
    ),
    "use.periods": Requirement(
        "AI Act articles 12(2) and 26(5)",
        "Each action has start, end, caller, agent, tool, outcome and refusal, joined in one"
        " trace.",
    ),
}
