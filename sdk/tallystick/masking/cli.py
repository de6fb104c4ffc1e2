"""`tallystick mask FILE|-`: what would be masked in a file, and why. What it finds, it does not print."""

import argparse
import json
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

from tallystick.config import load_config
from tallystick.errors import ConfigError
from tallystick.masking import Masker, MaskPolicy, default_policy
from tallystick.masking.documents import json_document
from tallystick.masking.explain import Finding, explain, marked_lines
from tallystick.masking.rules import FIELDS
from tallystick.masking.rulesfile import load_policy
from tallystick.profile import JsonValue

NOTHING_FOUND: Final = 0
FOUND: Final = 1
CANNOT_TELL: Final = 2
MAX_FILE_BYTES: Final = 16_777_216
_IN_TEXT: Final = "its form shows it, or a name before it"

_EPILOG: Final = """exit codes: 0 nothing to mask, 1 something would be masked, 2 the file, its rules or the
arguments cannot be read. JSON, one JSON document a line, and any other text are told apart by themselves.
The rules are those of --rules, else those of the settings (TALLYSTICK_RULES, tallystick.toml in the home)."""


def main(arguments: Sequence[str]) -> int:
    """Show what would be masked in FILE, and why; print it masked with --masked."""
    options = _parser().parse_args(arguments)
    try:
        masker = Masker(_policy(options.rules))
        text = _read(options.file)
    except (ConfigError, OSError, UnicodeDecodeError) as error:
        print(f"tallystick: mask: {_said(error)}", file=sys.stderr)
        return CANNOT_TELL
    findings, masked = _examine(masker, text, options.tool, options.field)
    if options.masked:
        sys.stdout.write(masked)
    report = sys.stderr if options.masked else sys.stdout
    print("\n".join(_report(findings, masker.policy.digest)), file=report)
    return FOUND if findings else NOTHING_FOUND


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="tallystick mask", description=main.__doc__, epilog=_EPILOG
    )
    parser.add_argument("file", metavar="FILE", help="a file, or - for the standard input")
    parser.add_argument("--rules", type=Path, help="a tallystick.toml to try out")
    parser.add_argument("--tool", default="", help="the tool whose rules count")
    parser.add_argument(
        "--field", default="result", choices=FIELDS[:-1], help="which of its values this is"
    )
    parser.add_argument("--masked", action="store_true", help="print the masked file too")
    return parser


def _policy(rules: Path | None) -> MaskPolicy:
    chosen = rules or load_config().rules
    return default_policy() if chosen is None else load_policy(chosen)


def _read(name: str) -> str:
    if name == "-":
        content = sys.stdin.buffer.read(MAX_FILE_BYTES + 1)
    else:
        with Path(name).open("rb") as file:
            content = file.read(MAX_FILE_BYTES + 1)
    if len(content) > MAX_FILE_BYTES:
        raise ConfigError(f"{name}: expected at most {MAX_FILE_BYTES} bytes; mask it in parts")
    return content.decode()


def _said(error: Exception) -> str:
    if isinstance(error, UnicodeDecodeError):
        return f"expected UTF-8, got another byte at {error.start}"
    if isinstance(error, OSError):
        return f"cannot read {error.filename}: {error.strerror}"
    return str(error)


def _examine(masker: Masker, text: str, tool: str, field: str) -> tuple[list[Finding], str]:
    """Return the findings, and the masked text."""
    document = json_document(text)
    if isinstance(document, dict | list):
        masked = masker.mask(document, tool, field).value
        return explain(masker, document, tool, field), _dumped(masked) + "\n"
    lines = [json_document(line) if line.strip() else None for line in text.splitlines()]
    if any(lines) and all(
        isinstance(found, dict | list) or not line.strip()
        for found, line in zip(lines, text.splitlines(), strict=True)
    ):
        return _examine_lines(masker, lines, tool, field)
    shown = str(masker.mask(text, tool, field).value)
    found = [Finding(f"line {number}", kind, _IN_TEXT) for number, kind in marked_lines(shown)]
    already = Counter((f"line {number}", kind) for number, kind in marked_lines(text))
    return [one for one in found if not already[one.place, one.kind]], shown


def _examine_lines(
    masker: Masker, documents: list[object], tool: str, field: str
) -> tuple[list[Finding], str]:
    findings: list[Finding] = []
    shown: list[str] = []
    for number, document in enumerate(documents, 1):
        if document is None:
            shown.append("")
            continue
        findings += (
            replace(one, place=f"line {number} {one.place}")
            for one in explain(masker, document, tool, field)
        )
        shown.append(_dumped(masker.mask(document, tool, field).value))
    return findings, "\n".join(shown) + "\n"


def _dumped(value: JsonValue) -> str:
    return json.dumps(value, ensure_ascii=False)


def _report(findings: list[Finding], digest: str) -> list[str]:
    rows = [
        (one.place, one.kind if one.times == 1 else f"{one.kind} x{one.times}", one.why)
        for one in findings
    ]
    widths = [max((len(row[column]) for row in rows), default=0) for column in (0, 1)]
    lines = [f"{place:<{widths[0]}}  {kind:<{widths[1]}}  {why}" for place, kind, why in rows]
    counts: Counter[str] = Counter()
    for one in findings:
        counts[one.kind] += one.times
    total = ", ".join(f"{kind} {counts[kind]}" for kind in sorted(counts)) or "nothing to mask"
    return [*lines, f"{total}; policy {digest}"]
