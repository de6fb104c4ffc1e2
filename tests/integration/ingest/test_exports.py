"""Exports over the real service: begin, follow, fetch, verify; who may, and what is on record."""

import json
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.patience import until
from tests.requirements import requirement
from tests.sending import JSON
from tests.serving import Answer, Service

pytestmark = [pytest.mark.e2e, requirement("export.jobs")]


def begin(service: Service, **body: Any) -> Answer:
    content = json.dumps({"from": "1h", "regime": "eu-ai-act", **body}).encode()
    headers = {**service.authorization, "Content-Type": JSON}
    return service.ask("POST", "/api/v1/exports", content, headers)


def followed(service: Service, export_id: str) -> Any:
    path = f"/api/v1/exports/{export_id}"
    until(lambda: service.get(path)["state"] != "running")
    return service.get(path)


@requirement("export.verifiable")
def test_an_export_is_followed_fetched_and_verified_by_its_own_verifier(
    service: Service, tmp_path: Path
) -> None:
    answer = begin(service, card="identity: {name: A system}")
    assert answer.status == 200, answer.body
    job = followed(service, answer.json["id"])
    assert (job["state"], job["error"]) == ("done", "")
    path = f"/api/v1/exports/{job['id']}/package"
    package = service.ask("GET", path, headers=service.authorization)
    assert package.headers["content-type"] == "application/zip"
    assert package.headers["content-disposition"].startswith("attachment; filename=")
    assert len(package.body) == job["bytes"]
    (tmp_path / "p.zip").write_bytes(package.body)
    with zipfile.ZipFile(tmp_path / "p.zip") as archive:
        archive.extractall(tmp_path)
    done = subprocess.run(
        [sys.executable, "-I", "-S", "verify.py", "p.zip", "--trust-package-keys"],
        cwd=tmp_path,
        env={},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2, done.stdout
    sums = ("sha256sum", "--strict", "--quiet", "-c", "SHA256SUMS")
    assert subprocess.run(sums, cwd=tmp_path, check=False).returncode == 0
    assert "A system" in (tmp_path / "report.html").read_text(encoding="utf-8")
    targets = [one["access.target"] for one in service.statements("access.export")]
    assert targets[-2:] == ["export", "package"]


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"regime": "gdpr"}, "there is no regime 'gdpr'"),
        ({"card": "identity:\n  nme: x"}, "the system card, line 2: identity: expected one of"),
        ({"card": "x" * 200_000}, "body.card"),
        ({"from": "now", "to": "2h"}, "the period is empty"),
        ({"from": "2100-01-01", "to": "2101-01-01"}, "the period has not begun"),
        ({"from": "some day"}, "this is no moment"),
        ({"from": 7}, "body.from"),
    ],
)
def test_a_request_that_makes_no_sense_is_answered_in_words(
    service: Service, body: dict[str, Any], message: str
) -> None:
    answer = begin(service, **body)
    assert answer.status == 400
    assert message in answer.json["error"]


def test_an_export_that_is_not_there_is_said(service: Service) -> None:
    for path in ("nothing", "..%2f..", "nothing/package"):
        answer = service.ask("GET", f"/api/v1/exports/{path}", headers=service.authorization)
        assert answer.status == 404


def test_the_command_exports_with_a_report(service: Service, tmp_path: Path) -> None:
    card = tmp_path / "card.yaml"
    card.write_text("operator:\n  legal_name: Example Ltd\n")
    target = tmp_path / "evidence.zip"
    period = ("--from", "1h", "--to", "now", "--out", str(target))
    done = service.tallystick("export", "--regime", "eu-ai-act", "--card", str(card), *period)
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    assert "read report.html in it" in done.stdout
    assert service.tallystick("verify", str(target)).returncode == 2
    card.write_text("operator:\n  legal_nam: Example Ltd\n")
    period = ("--from", "1h", "--to", "now", "--out", str(tmp_path / "other.zip"))
    done = service.tallystick("export", "--regime", "eu-ai-act", "--card", str(card), *period)
    assert done.returncode == 1
    assert "the system card, line 2: operator: expected one of" in done.stderr
    done = service.tallystick("export", "--card", str(card), *period)
    assert "--card belongs to a report" in done.stderr
    done = service.tallystick("export", "--regime", "eu-ai-act", "--card", "none.yaml", *period)
    assert "--card: none.yaml cannot be read" in done.stderr
    assert not (tmp_path / "other.zip").exists()


def test_a_service_that_is_killed_while_it_exports_starts_clean(
    make_service: Callable[..., Service],
) -> None:
    service = make_service().start()
    begin(service)
    service.kill()
    service.start()
    assert service.get("/api/v1/exports") == {"exports": []}
    assert not (service.data / "exports").exists()
    job = followed(service, begin(service).json["id"])
    assert (job["state"], job["error"]) == ("done", "")


def test_a_service_that_is_stopped_while_it_exports_ends_in_order(
    make_service: Callable[..., Service],
) -> None:
    service = make_service().start()
    begin(service)
    assert service.stop() == 0
