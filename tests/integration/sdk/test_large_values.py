"""Values too large for their records: masked whole, on disk before the record, at the service before it too."""

import base64
import hashlib
import json
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tallystick import runtime
from tallystick.capture.call import Call, Ending, Sighting
from tallystick.config import load_config
from tests.attacks.canaries import CANARIES, find, needles
from tests.patience import PATIENCE_S
from tests.requirements import requirement
from tests.serving import Service

ALL = "; ".join(one.sentence for one in CANARIES)
WANTED = needles()
ROWS = 20_000


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    running = Service(tmp_path_factory.mktemp("service")).start()
    yield running
    running.kill()


@pytest.fixture
def home(tmp_path: Path, service: Service) -> Iterator[Path]:
    address = {"endpoint": f"http://127.0.0.1:{service.port}"}
    key = service.credentials["api_key"]
    runtime.start(load_config({}, home=tmp_path / "home", api_key=key, **address))
    yield tmp_path / "home"
    running = runtime.current()
    if running is not None:
        running.shutdown(0)


def large() -> dict[str, Any]:
    return {
        "rows": [{"n": number, "word": "plain text here"} for number in range(ROWS)],
        "end": ALL,
    }


def call(result: object, params: object = None, *, is_away: bool = False) -> None:
    running = runtime.current()
    assert running is not None
    sighting = Sighting("function", "tool", "report", params=params or {"n": 1})
    one = Call(running, sighting)
    one.announce()
    one.end(Ending("success", result))
    if not is_away:
        assert running.flush(PATIENCE_S)


def ended(service: Service) -> dict[str, Any]:
    actions = service.get("/api/v1/actions")["actions"]
    found: dict[str, Any] = next(a for a in actions if a["statement"]["session"] == session())
    return found


def session() -> str:
    running = runtime.current()
    assert running is not None
    assert running.recorder.session is not None
    return running.recorder.session.id


def copied(service: Service, place: Path) -> Path:
    """Take a snapshot, which is verified as a stopped data directory is."""
    done = service.tallystick("snapshot", str(place))
    assert done.returncode == 0, done.stderr
    return place


def blob_of(action: dict[str, Any], name: str = "result.blob") -> dict[str, Any]:
    found: dict[str, Any] = json.loads(action["disclosures"][name])
    return found


def verdict(service: Service, *where: str) -> tuple[int, dict[str, Any]]:
    done = service.tallystick("verify", *where, "--json")
    assert done.stdout, done.stderr
    stated = json.loads(done.stdout)
    [step] = [one for one in stated["steps"] if one["number"] == 4]
    return done.returncode, step


@requirement("sdk.large-values")
def test_a_large_result_is_kept_whole_and_masked_and_verified(
    service: Service, home: Path, tmp_path: Path
) -> None:
    call(large())
    action = ended(service)
    blob = blob_of(action)
    address = f"/api/v1/blobs/{blob['digest']}"
    answer = service.ask("GET", address, headers=service.authorization)
    assert (answer.status, answer.headers["content-type"]) == (200, "application/json")
    assert len(answer.body) == blob["size_bytes"]
    assert f"sha256:{hashlib.sha256(answer.body).hexdigest()}" == blob["digest"]
    assert len(answer.json["rows"]) == ROWS
    assert not find(answer.body, WANTED)
    assert action["statement"]["result.truncated"] is True
    assert len(action["disclosures"]["result"]) < 40_000
    assert action["statement"]["mask.hits"]["result.blob:email"] == 1
    assert list((home / "spool" / "blobs").iterdir()) == []
    url = f"http://127.0.0.1:{service.port}"
    for where in (("--url", url), ("--data", str(copied(service, tmp_path / "copy")))):
        code, step = verdict(service, *where)
        assert (code, step["findings"]) == (2, [])
        assert step["checked"]["blobs"] > 0


@requirement("sdk.large-values")
@pytest.mark.usefixtures("home")
@pytest.mark.parametrize(
    ("harm", "finding", "exit_code"),
    [("removed", ("not_checked", "is missing"), 2), ("changed", ("fault", "other bytes"), 1)],
)
def test_a_blob_that_is_gone_or_changed_is_named(
    service: Service, tmp_path: Path, harm: str, finding: tuple[str, str], exit_code: int
) -> None:
    call({**large(), "of": harm})
    sha256 = blob_of(ended(service))["digest"].removeprefix("sha256:")
    copy = copied(service, tmp_path / "copy")
    path = copy / "blobs" / sha256[:2] / sha256
    content = path.read_bytes()
    path.unlink() if harm == "removed" else path.write_bytes(content.replace(b"plain", b"fancy"))
    code, step = verdict(service, "--data", str(copy))
    [found] = step["findings"]
    severity, said = finding
    assert (code, found["severity"]) == (exit_code, severity)
    assert said in found["message"]
    assert sha256 in found["message"]


@requirement("sdk.large-values")
@pytest.mark.usefixtures("home")
@pytest.mark.parametrize("regime", [(), ("--regime", "eu-ai-act")], ids=["records", "report"])
def test_a_package_holds_the_blobs_and_its_own_verifier_checks_them(
    service: Service, tmp_path: Path, regime: tuple[str, ...]
) -> None:
    call({**large(), "of": str(regime)})
    digest = blob_of(ended(service))["digest"]
    package = tmp_path / "package.zip"
    done = service.tallystick("export", "--from", "1h", "--out", str(package), *regime)
    assert done.returncode == 0, done.stderr
    with zipfile.ZipFile(package) as archive:
        lines = archive.read("blobs.ndjson").splitlines()
        (tmp_path / "verify.py").write_bytes(archive.read("verify.py"))
    contents = [base64.b64decode(json.loads(line)["blob"]) for line in lines]
    assert digest in {f"sha256:{hashlib.sha256(content).hexdigest()}" for content in contents}
    command = [sys.executable, "-I", "-S", str(tmp_path / "verify.py"), str(package), "--json"]
    checked = subprocess.run(
        command, capture_output=True, text=True, timeout=PATIENCE_S, check=False
    )
    assert checked.stdout, checked.stderr
    [step] = [one for one in json.loads(checked.stdout)["steps"] if one["number"] == 4]
    assert (checked.returncode, step["findings"]) == (2, [])
    assert step["checked"]["blobs"] == len(lines)


@requirement("sdk.large-values")
@pytest.mark.usefixtures("home")
def test_both_records_of_a_call_name_one_blob_for_the_same_arguments(service: Service) -> None:
    call({"ok": True})  # once this is delivered, the tenant's token key is in force
    call({"ok": True}, large())
    records = [one for one in service.records() if session() in one.get("statement", "")]
    lines = [line for one in records for line in one["disclosures"] if '"params.blob"' in line]
    named = {json.loads(json.loads(line)[2])["digest"] for line in lines}
    assert (len(lines), len(named)) == (2, 1)
    [name] = named
    assert len(list((service.data / "blobs").rglob(name.removeprefix("sha256:")))) == 1


@requirement("sdk.large-values")
def test_a_value_above_the_limit_says_so_with_its_size_and_digest(
    service: Service, home: Path
) -> None:
    call("word " * 1_000_000)
    action = ended(service)
    assert blob_of(action) == {"absent": "too_large"}
    assert action["statement"]["result.size_bytes"] == 5_000_002
    assert len(action["statement"]["result.digest"]) == 32
    assert not (home / "spool" / "blobs").exists()


@requirement("sdk.large-values")
def test_a_blob_waits_on_disk_with_its_record_while_the_service_is_away(
    service: Service, home: Path
) -> None:
    service.stop()
    call(large(), is_away=True)
    [path] = (home / "spool" / "blobs").iterdir()
    assert hashlib.sha256(path.read_bytes()).hexdigest() == path.name
    assert not find(path.read_bytes(), WANTED)
    assert path.stat().st_mode & 0o777 == 0o600
    service.start()
    running = runtime.current()
    assert running is not None
    assert running.flush(PATIENCE_S)
    assert blob_of(ended(service))["digest"] == f"sha256:{path.name}"
    assert not path.exists()


@requirement("sdk.large-values")
def test_the_address_takes_the_bytes_of_its_digest_from_those_who_may_send(
    service: Service,
) -> None:
    content = b'{"a":1}'
    sha256 = hashlib.sha256(content).hexdigest()
    address = f"/api/v1/blobs/sha256:{sha256}"
    key = service.authorization
    assert service.ask("PUT", address, content).status == 401
    assert service.ask("GET", address).status == 401
    assert service.ask("GET", address, headers=key).status == 404
    assert service.ask("PUT", address, b'{"a":2}', key).status == 400
    assert service.ask("PUT", "/api/v1/blobs/sha256:xyz", content, key).status == 400
    too_long = {**key, "Content-Length": str(64 * 1024**2 + 1)}
    assert service.ask("PUT", address, b"", too_long).status == 413
    assert service.ask("GET", address, headers=key).status == 404
    for _ in range(2):
        assert service.ask("PUT", address, content, key).status == 200
    assert service.ask("GET", address, headers=key).body == content
    service.kill()
    service.start()
    assert service.ask("GET", address, headers=key).body == content
