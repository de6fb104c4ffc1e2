"""A service in this process whose records grow old, and the people who may delete them."""

import io
from collections.abc import Sequence
from pathlib import Path

from tallystick.event import Record
from tallystick.testing import FakeClock
from tallystick.verify.authority import DeletionRequest
from tallystick.verify.package import PackageSource
from tallystick.verify.policy import parse_policy
from tallystick.verify.report import Report
from tallystick.verify.verifier import verify
from tallystick_ingest.admission import NativeRequest, Origin, SpanRequest
from tallystick_ingest.auth.gate import Caller
from tallystick_ingest.masked import MaskedSpan
from tallystick_ingest.screening import Candidate, SealCandidate
from tallystick_ingest.service import Service
from tallystick_ingest.settings import load_service_config
from tallystick_ingest.verdict import Verdict
from tallystick_store.evidence.store_reader import export_package
from tallystick_store.rows import EventRow, SealRow, SpanRow
from tallystick_store.source import DataSource
from tests.keys import key_pair
from tests.patience import PATIENCE_S
from tests.stores import EMITTER, Emitter, span

SCOPES = ("read", "retain", "delete.request", "delete.confirm")
ANNA = Caller("account-0000000a", "anna", SCOPES, is_human=True, role="compliance")
BERT = Caller("account-0000000b", "bert", SCOPES, is_human=True, role="compliance")
ADA = Caller("account-0000000c", "ada", SCOPES, is_human=True, role="admin")
SENDER = "emitter-key"
MONTH_S = 31 * 86_400
CLASSES = """
[[class]]
name = "calls"
keep = "P7M"
types = ["tool.*"]
"""


class OldService:
    """A service with one class: calls are kept for seven months."""

    def __init__(self, root: Path, classes: str = CLASSES, clock: FakeClock | None = None) -> None:
        root.mkdir(exist_ok=True)
        self.root = root
        self.clock = clock or FakeClock()
        (root / "retention.toml").write_text(classes)
        self.service = self.open()
        self.service.enrol(EMITTER.key)
        self.emitter = Emitter()
        self.send(self.emitter.opened(), self.emitter.seal())

    @property
    def data(self) -> Path:
        return self.root / "data"

    def open(self) -> Service:
        stated = {"home": str(self.root), "retention_file": str(self.root / "retention.toml")}
        self.service = Service.open(load_service_config(stated, {}), self.clock)
        return self.service

    def send(self, *rows: EventRow | SealRow) -> Verdict:
        origin = Origin(SENDER, "/v1/logs", "ab" * 32)
        request = NativeRequest(origin, tuple(candidate(row) for row in rows), ())
        return self.service.submit(request).result(PATIENCE_S)

    def calls(self, names: Sequence[str], **fields: object) -> list[Record]:
        """Record one call a name, each with a secret of that name, and seal them."""
        rows = [
            EventRow(
                self.emitter.record(
                    "tool.completed",
                    {"principal.id": f"secret-{name}.", "params": f'"secret-{name}."'},
                    action__id=f"{number:032x}",
                    tool__name=name,
                    **fields,
                )
            )
            for number, name in enumerate(names)
        ]
        self.send(*rows, self.emitter.seal())
        return [row.record for row in rows]

    def send_spans(self, count: int) -> Verdict:
        """Send spans of others in one request, each with a secret."""
        rows = [SpanRow.of(span(number).replace(b"svc", b"secret-span")) for number in range(count)]
        spans = tuple(MaskedSpan(row, None) for row in rows)
        request = SpanRequest(Origin(SENDER, "/v1/traces", ""), spans)
        return self.service.submit(request).result(PATIENCE_S)

    def indexes(self, condition: str = "type = 'tool.completed'") -> list[int]:
        rows = self.service.store.database.rows(
            f"SELECT log_index FROM events WHERE {condition} ORDER BY log_index"  # noqa: S608 - tests' own
        )
        return [index for (index,) in rows]

    def wait_months(self, months: int) -> None:
        self.clock.advance(months * MONTH_S)

    def ask(self, tool: str = "") -> DeletionRequest:
        wanted = {"tool": tool} if tool else {}
        return self.service.retention.ask(ANNA, "calls", wanted, "their time is over")

    def delete(self, tool: str = "") -> DeletionRequest:
        """Ask, confirm, and carry out."""
        request = self.ask(tool)
        confirmed = self.service.retention.confirm(BERT, request.id, request.digest, "seen")
        self.service.retention.carry_out()
        return confirmed

    def close(self) -> None:
        self.service.close("the test is over")

    def verify(self, directory: Path | None = None) -> Report:
        """Verify the stopped store, or a copy of it, under the keys that the service holds."""
        policy = parse_policy(self.service.own_policy())
        source = DataSource(directory or self.data)
        try:
            return verify(source, policy)
        finally:
            source.close()

    def package(self, from_us: int = 0, to_us: int = 2**52) -> bytes:
        """Export a period of the running service."""
        service, out = self.service, io.BytesIO()
        export_package(service.store, service.signer, from_us, to_us, out, self.clock.now_us())
        return out.getvalue()

    def verify_package(self, content: bytes) -> Report:
        """Verify a package under the keys that the service holds."""
        path = self.root / "package.zip"
        path.write_bytes(content)
        source = PackageSource(path)
        try:
            return verify(source, parse_policy(self.service.own_policy()))
        finally:
            source.close()

    def holding(self, text: str) -> list[str]:
        """Return the files of the data directory that hold a text."""
        found = [path for path in self.data.rglob("*") if path.is_file()]
        return [
            str(path.relative_to(self.data)) for path in found if text.encode() in path.read_bytes()
        ]


def candidate(row: EventRow | SealRow) -> Candidate:
    if isinstance(row, EventRow):
        return row.record
    key = key_pair(f"tallystick.session/{row.session}").key.vkey
    return SealCandidate(row.body, row.seal, row.session, key)
