"""Appraise exported records: verify them, query them, write the report; in a folder, without the store.

It runs in a process of its own (`python -m tallystick_store.evidence.appraisal PLACE`), so that a long
period neither slows the service down nor takes its memory, and holds no key. PLACE has

    request.json   what is asked          core.zip   the records as a signed package of their own
    files/         the files of the package; those of REPORT_FILES are added here
"""

import base64
import hashlib
import json
import os
import sys
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final, TypeAlias

from tallystick.errors import TallystickError
from tallystick.fields import EVENT_TYPES, FIELDS
from tallystick.profile import JsonValue, encode
from tallystick.tlog.note import encode_vkey
from tallystick.verify.manifest import parse_public_key, print_sums
from tallystick.verify.package import PackageSource
from tallystick.verify.report import Report
from tallystick.verify.standalone import report_on
from tallystick_store.engine.analysis import Analysis
from tallystick_store.evidence.card import SystemCard, parse_card
from tallystick_store.evidence.checks import (
    CSV,
    Result,
    check_queries,
    digest_of,
    gated,
    run_regime,
    verification_lines,
)
from tallystick_store.evidence.files import FolderWriter
from tallystick_store.evidence.listings import Listed, fill
from tallystick_store.evidence.parameters import Period, parameters, pinned_keys
from tallystick_store.evidence.regime import Regime, load_regime
from tallystick_store.evidence.report import STATE_WORDS, ReportData, render_report
from tallystick_store.evidence.tables import make_tables, parquet_queries, tables_sql
from tallystick_store.evidence.visible import csv_cell

REQUEST_FILE: Final = "request.json"
CORE_FILE: Final = "core.zip"
FILES_FOLDER: Final = "files"
_REPORT_ID_CHARS: Final = 8
_NICENESS: Final = 10

Progress: TypeAlias = Callable[[str, int, int], None]
"""Stage, done, total; whoever raises from it stops the work."""


@dataclass(frozen=True, slots=True)
class AppraisalRequest:
    """What is to be appraised, and against what."""

    regime: str
    card: str
    period: Period
    counts: dict[str, int]
    """Entries of the range by kind."""
    software: str
    longest_line_bytes: int
    log_key_pem: str

    def encoded(self) -> bytes:
        """Return it as request.json."""
        return json.dumps(asdict(self)).encode()

    @classmethod
    def read(cls, data: bytes) -> "AppraisalRequest":
        """Read request.json."""
        value: dict[str, Any] = json.loads(data)
        return cls(**{**value, "period": Period(**value["period"])})


def appraise(place: Path, progress: Progress) -> None:
    """Write REPORT_FILES into the folder of files. Raises TallystickError and OSError."""
    request = AppraisalRequest.read((place / REQUEST_FILE).read_bytes())
    regime, card = load_regime(request.regime), parse_card(request.card)
    writer = FolderWriter(place / FILES_FOLDER)
    progress("verification", 0, 1)
    verification = _verify(place / CORE_FILE, card)
    _write_inputs(writer, request, regime, card, verification)
    progress("tables", 0, 1)
    tables = parquet_queries(request.period.from_index, request.longest_line_bytes)
    with Analysis(writer.folder) as analysis:
        make_tables(analysis, tables)
        progress("checks", 0, len(regime.queries))
        listed = list(fill(analysis))
        results = run_regime(
            analysis,
            regime,
            card,
            verification,
            lambda done, total: progress("checks", done, total),
            lambda hashes: _run_again(writer, regime, listed, hashes),
        )
    results, closed = gated(results)
    progress("report", 0, 1)
    _write_queries(writer, tables, results, listed)
    _write_results(writer, results, _report_id(request, regime))
    data = _report_data(request, regime, card, verification)
    report = ReportData(results=results, closed=closed, listed=listed, **data)
    writer.write("report.html", [render_report(report).encode()])


def main(argv: Sequence[str]) -> int:
    """Appraise the place that the arguments name; print progress and an error as JSON lines."""
    os.nice(_NICENESS)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    try:
        appraise(Path(argv[0]), _print_progress)
    except TallystickError as error:
        print(json.dumps({"error": str(error)}), flush=True)  # noqa: T201 - this is the channel
        return 1
    except OSError as error:
        told = f"the report cannot be written: {error.strerror or error}"
        print(json.dumps({"error": told}), flush=True)  # noqa: T201
        return 1
    return 0


def _print_progress(stage: str, done: int, total: int) -> None:
    print(json.dumps({"stage": stage, "done": done, "total": total}), flush=True)  # noqa: T201


def _end_with_parent() -> None:
    """End when the other end of standard input is gone: nobody waits for the result any more."""
    while os.read(0, 1):  # not through a buffer, whose lock would be held at the end
        pass
    os._exit(2)


def _verify(core: Path, card: SystemCard) -> Report:
    """Run the verifier over the package of the records; keys that nobody pinned are taken from it."""
    policy = pinned_keys(card)
    return report_on(
        "package",
        "the exported records",
        lambda: PackageSource(core),
        policy,
        trust_claimed_keys=policy is None,
    )


def _write_inputs(
    writer: FolderWriter,
    request: AppraisalRequest,
    regime: Regime,
    card: SystemCard,
    verification: Report,
) -> None:
    writer.write("system-card.yaml", [card.text.encode()])
    writer.write("regime.yaml", [regime.text.encode()])
    writer.write("parameters.json", [encode(parameters(request.period, card))])
    writer.write_lines("verification.ndjson", map(encode, verification_lines(verification)))
    writer.write("data-dictionary.csv", [_data_dictionary().encode()])


def _data_dictionary() -> str:
    """Return every event type and field with what it means: how the records are to be read."""
    types = [("event type", name, "", "", "", "docs/spec/record.md", "") for name in EVENT_TYPES]
    fields = [("field", f.name, f.type, f.home, f.events, f.source, f.meaning) for f in FIELDS]
    head = ("kind", "name", "type", "home", "events", "source", "meaning")
    return _csv([head, *types, *fields])


def _run_again(
    writer: FolderWriter, regime: Regime, listed: Sequence[Listed], hashes: Mapping[str, str]
) -> None:
    """Run every query a second time on another connection, and write results.csv."""
    first = {one.answer.query.name: one.answer.sha256 for one in listed} | dict(hashes)
    asked = [query for check in regime.queries for query in check_queries(check)]
    asked += [one.answer.query for one in listed]
    queries = {query.name: query for query in asked}
    with Analysis(writer.folder) as other:
        rows = [(name, first[name], digest_of(other, queries[name])) for name in sorted(first)]
    writer.write("results.csv", [_csv([("query", "sha256", "sha256_again"), *rows]).encode()])


def _write_queries(
    writer: FolderWriter,
    tables: dict[str, str],
    results: Sequence[Result],
    listed: Sequence[Listed],
) -> None:
    answers = [answer for result in results for answer in result.answers]
    answers += [one.answer for one in listed]
    head = (
        "-- Writes the result of every query of the report as a CSV file beside this one; then\n"
        "--     sha256sum -c results.sha256\n"
        "-- compares each with the hash that the report prints. Run it in the unpacked package.\n"
    )
    body = [f"\nCOPY (\n{one.query.sql}\n) TO '{one.query.name}.csv' ({CSV});\n" for one in answers]
    writer.write("tables.sql", [tables_sql(tables).encode()])
    writer.write("queries.sql", [head.encode(), *(text.encode() for text in body)])
    sums = {f"{one.query.name}.csv": one.sha256 for one in answers}
    writer.write("results.sha256", [print_sums(sums).encode()])


def _write_results(writer: FolderWriter, results: Sequence[Result], report_id: str) -> None:
    checks = [_result_value(result) for result in results]
    writer.write("checks.json", [encode({"checks": checks, "report": report_id})])
    head = (
        "check",
        "state",
        "numerator",
        "denominator",
        "exceptions",
        "because",
        "sha256",
        "title",
    )
    rows = [
        (
            result.check.id,
            STATE_WORDS[result.state],
            _digits(result.numerator),
            _digits(result.denominator),
            _digits(result.exception_count if result.count else None),
            result.because,
            result.count.sha256 if result.count else "",
            result.check.title,
        )
        for result in results
    ]
    writer.write("checks.csv", [_csv([head, *rows]).encode()])
    exceptions = [
        (result.check.id, _digits(index), what)
        for result in results
        for index, what in result.exceptions
    ]
    table = _csv([("check", "log_index", "what"), *exceptions])
    writer.write("exceptions.csv", [table.encode()])


def _result_value(result: Result) -> dict[str, JsonValue]:
    value: dict[str, JsonValue] = {
        "because": result.because,
        "exceptions": [{"log_index": index, "what": what} for index, what in result.exceptions],
        "id": result.check.id,
        "limits": result.check.limits,
        "provisions": list(result.check.provisions),
        "queries": [{"name": a.query.name, "sha256": a.sha256} for a in result.answers],
        "state": result.state,
        "supports_when": result.check.supports_when,
        "title": result.check.title,
    }
    if result.count is not None:
        value["denominator"] = result.denominator
        value["exception_count"] = result.exception_count
        value["numerator"] = result.numerator
        value["unit"] = result.check.unit
    if result.person:
        value["person"] = result.person
    return value


def _report_data(
    request: AppraisalRequest, regime: Regime, card: SystemCard, verification: Report
) -> dict[str, Any]:
    public_key = parse_public_key(request.log_key_pem)
    return {
        "report_id": _report_id(request, regime),
        "period": request.period,
        "card": card,
        "regime": regime,
        "verification": verification,
        "key_fingerprint": _fingerprint(request.log_key_pem),
        "log_key": encode_vkey(request.period.origin, public_key),
        "counts": request.counts,
        "software": request.software,
        "has_pinned_keys": pinned_keys(card) is not None,
    }


def _fingerprint(pem: str) -> str:
    """Return the SHA-256 of a public key in DER, as `openssl pkey -outform DER | sha256sum` prints it."""
    body = "".join(line for line in pem.splitlines() if not line.startswith("-"))
    return hashlib.sha256(base64.b64decode(body)).hexdigest()


def _report_id(request: AppraisalRequest, regime: Regime) -> str:
    """Name the report by what went into it: the same question about the same log is the same report."""
    asked = encode([asdict(request.period), regime.text, request.card])
    return hashlib.sha256(asked).hexdigest()[:_REPORT_ID_CHARS]


def _digits(number: int | None) -> str:
    return "" if number is None else str(number)


def _csv(rows: Iterable[Sequence[str]]) -> str:
    return "".join(",".join(map(csv_cell, row)) + "\n" for row in rows)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
