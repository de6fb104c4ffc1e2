"""Run the verifier on what a test has made, and ask for its findings by step."""

import tempfile
from pathlib import Path

from tallystick.verify.finding import Finding, Severity
from tallystick.verify.package import PackageSource
from tallystick.verify.policy import Policy
from tallystick.verify.report import Report
from tallystick.verify.standalone import report_on
from tallystick.verify.verifier import verify
from tallystick_store.source import DataSource
from tests.builder import Log


def verify_package(package: bytes, policy: Policy | None, **options: bool) -> Report:
    """Verify the bytes of a package."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "package.zip"
        path.write_bytes(package)
        source = PackageSource(path)
        try:
            return verify(source, policy, **options)
        finally:
            source.close()


def verify_log(log: Log, policy: Policy | None = None, **options: bool) -> Report:
    """Verify the package of a whole log, under its own policy unless another is given."""
    return verify_package(log.package(), policy or log.policy(), **options)


def verify_data(directory: Path, policy: Policy | None, jobs: int = 1) -> Report:
    """Verify a data directory as the command does."""
    return report_on("data", str(directory), lambda: DataSource(directory), policy, jobs=jobs)


def found(report: Report, severity: Severity = "fault") -> list[Finding]:
    return [finding for finding in report.findings.listed if finding.severity == severity]


def steps(report: Report, severity: Severity = "fault") -> list[int]:
    """Give the numbers of the steps with findings of a severity."""
    return sorted({finding.step for finding in found(report, severity)})


def messages(report: Report, step: int, severity: Severity = "fault") -> str:
    """Give the findings of a step as one text, each with its place."""
    return "\n".join(
        f"{finding.place}: {finding.message}"
        for finding in found(report, severity)
        if finding.step == step
    )
