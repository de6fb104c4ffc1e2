"""README.txt of an evidence package: how to check it, and what it cannot show."""

from typing import Final

README: Final = """\
Evidence package of Tallystick: what AI agents did with their tools, signed where it happened.

With nobody's software (coreutils and OpenSSL 3)

    sha256sum -c SHA256SUMS
    openssl pkeyutl -verify -pubin -inkey log-key.pem -rawin -in SHA256SUMS -sigfile SHA256SUMS.sig

show that the files are those that the holder of log-key.pem has signed. Compare log-key.pem with the
key that you were given when you began to trust this log, and not with anything in this package.

With Python 3.11 or later, its standard library alone, and no network

    python3 -I -S verify.py PACKAGE.zip --policy POLICY

takes the fourteen numbered steps of docs/spec/package.md. POLICY is your own list of keys:

    log <verification key of the log>
    emitter <verification key of an emitter>      one line each

policy-claimed.txt lists the keys as the service states them. Do not take it for a policy unless you
have compared each key with its owner. You may also run a verify.py that you trust more than this one:
it is the same for every package of a version.

Exit codes: 0 verified under your policy; 1 something is wrong, each fault is named; 2 consistent in
itself only.

What is inside

    entries.ndjson       the log's entries of the range: hashes, senders, times of receipt
    range-proof.json     shows that the range is complete under the signed checkpoint
    events.ndjson        the signed statements, and the disclosures that you may see
    seals.ndjson         the signatures of the emitters' sessions over their statements
    spans.ndjson         OpenTelemetry spans, a best-effort signal
    context.ndjson       what the range needs from outside, each with its inclusion proof
    checkpoints.ndjson   signed checkpoints, and proofs for the log heads that statements name

What no verification can show: calls that never reached an emitter, lies told by an emitter about its
own calls, and the tail of the log behind the newest checkpoint that anybody else holds.
"""

README_REPORT: Final = """
With a report

    report.html          start here: what the records show, what they do not, how to verify it
    checks.json, .csv    every check: state, numerator, denominator, query, result hash
    exceptions.csv       what does not hold, at most 100 of each check
    system-card.yaml     the operator's own statements, as given
    regime.yaml          the law as data: provisions, dates, checks
    parameters.json      the period and the declarations that the queries compare records with
    verification.ndjson  what the verifier found in these records before the report was written
    data-dictionary.csv  every field and event type, with its meaning
    events.parquet, context.parquet, entries.parquet, seals.parquet
                         the records as tables; tables.sql makes them again from the files above
    queries.sql          every query of the report; writes one CSV file for each
    results.csv, .sha256 the hash of each result

    python3 -c "import duckdb; duckdb.execute(open('tables.sql').read())"
    python3 -c "import duckdb; duckdb.execute(open('queries.sql').read())"
    sha256sum -c results.sha256

The report is evidence, not a determination of conformity.
"""
"""What is added where there is a report."""
