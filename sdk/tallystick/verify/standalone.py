"""The command line of the verifier of packages: what `verify.py` runs, and `tallystick verify` too."""

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final, NoReturn

from tallystick.errors import VerificationError
from tallystick.verify.finding import Findings
from tallystick.verify.package import PackageSource
from tallystick.verify.policy import MAX_POLICY_BYTES, Policy, parse_policy
from tallystick.verify.report import WRONG, Report
from tallystick.verify.source import Source, SourceKind
from tallystick.verify.verifier import verify

USAGE_ERROR: Final = 64
"""EX_USAGE of sysexits.h: 2, the usual code, is a verdict here."""

_LARGE_BYTES: Final = 8 * 1024**2
"""Input from this size on is worth the start of more processes."""
_MAX_JOBS: Final = 8


class VerifyParser(argparse.ArgumentParser):
    """An argument parser whose errors are no verdict."""

    def error(self, message: str) -> NoReturn:
        """Print the usage and end with USAGE_ERROR."""
        self.print_usage(sys.stderr)
        self.exit(USAGE_ERROR, f"{self.prog}: {message}\n")


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that every form of the command has."""
    parser.add_argument("--policy", type=Path, help="trust policy, kept outside what is checked")
    parser.add_argument("--every-seal", action="store_true", help="check each seal's signature")
    parser.add_argument(
        "--trust-package-keys",
        action="store_true",
        help="use the keys that the source states where the policy has none; exit 2 at best",
    )
    parser.add_argument("--json", action="store_true", help="print the report as JSON")
    parser.add_argument("--jobs", type=int, default=0, help="processes; 0: by size of the input")


def run(
    kind: SourceKind,
    name: str,
    open_source: Callable[[], Source],
    options: argparse.Namespace,
    size_bytes: int,
) -> int:
    """Verify one source, print the report, return the exit code."""
    try:
        policy = read_policy(options.policy) if options.policy else None
    except VerificationError as error:
        print(f"FAULT  {error}", file=sys.stderr)
        return WRONG
    report = report_on(
        kind,
        name,
        open_source,
        policy,
        every_seal=options.every_seal,
        trust_claimed_keys=options.trust_package_keys,
        jobs=options.jobs or _jobs(size_bytes),
    )
    print(report.json if options.json else report.text, end="")
    return report.exit_code


def read_policy(path: Path) -> Policy:
    """Read a trust policy from a file; raise VerificationError for what is none."""
    try:
        if path.stat().st_size > MAX_POLICY_BYTES:
            raise VerificationError(f"the trust policy {path} is above {MAX_POLICY_BYTES} bytes")
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise VerificationError(f"the trust policy {path} cannot be read: {error}") from error
    return parse_policy(text)


def package_main(argv: Sequence[str]) -> int:
    """Verify the package that the arguments name; return the exit code."""
    parser = VerifyParser(prog="verify.py", description="Verify an evidence package.")
    parser.add_argument("package", type=Path)
    add_options(parser)
    options = parser.parse_args(argv)
    return run_package(options.package, options)


def run_package(path: Path, options: argparse.Namespace) -> int:
    """Verify one package, print the report, return the exit code."""
    size_bytes = path.stat().st_size if path.is_file() else 0
    return run("package", path.name, lambda: PackageSource(path), options, size_bytes)


def report_on(  # noqa: PLR0913 - what to verify, and how
    kind: SourceKind,
    name: str,
    open_source: Callable[[], Source],
    policy: Policy | None,
    *,
    every_seal: bool = False,
    trust_claimed_keys: bool = False,
    jobs: int = 1,
) -> Report:
    """Open a source and verify it; one that cannot be opened is a fault of step 1."""
    try:
        source = open_source()
    except VerificationError as error:
        findings = Findings()
        findings.fault(1, str(error))
        return Report(
            name, kind, "unknown", 0, 0, 0, findings, policy is not None, is_complete=False
        )
    try:
        return verify(
            source,
            policy,
            every_seal=every_seal,
            trust_claimed_keys=trust_claimed_keys,
            jobs=jobs,
        )
    finally:
        source.close()


def _jobs(size_bytes: int) -> int:
    return min(_MAX_JOBS, os.cpu_count() or 1) if size_bytes >= _LARGE_BYTES else 1
