"""What versions before this one left behind: it opens, and says what it said, by the same tree."""

import re
import subprocess
from pathlib import Path

import orjson
import pytest

from tallystick.errors import StoreError
from tallystick.tlog.checkpoint import read_checkpoint
from tallystick.tlog.proofs import verify_consistency, verify_inclusion
from tallystick.tlog.tree import leaf_hash
from tallystick.verify.policy import parse_policy
from tallystick.verify.verifier import verify
from tallystick_ingest.service import Service
from tallystick_ingest.service_keys import load_service_keys
from tallystick_store.archive.database import rebuild_database
from tallystick_store.archive.subject_keys import SUBJECT_KEYS_NAME
from tallystick_store.event_proof import prove_event
from tallystick_store.format import KNOWN, FormatError
from tallystick_store.opening import DATABASE_NAME
from tallystick_store.source import DataSource
from tests import released
from tests.requirements import requirement

pytestmark = requirement("store.format")

ROOT = Path(__file__).resolve().parents[3]


def migrated(home: Path) -> Service:
    """Open a home as an operator would: where the format is an older one, after `tallystick rebuild`."""
    try:
        return released.opened(home)
    except FormatError:
        rebuild(home)
        return released.opened(home)


def rebuild(home: Path) -> None:
    keys = load_service_keys(home / "server", None)
    rebuild_database(home / "data", keys.log.key, home / "server" / SUBJECT_KEYS_NAME)


def check(service: Service, name: str) -> None:
    """Hold a running service against what its fixture has to read as, by rows and by proofs."""
    stated = released.expected(name)
    old_size, old_root = stated.pop("checkpoint")
    assert released.told(service) == stated
    service.store.publisher.publish_now()
    assert service.store.signing_stopped is None
    head = read_checkpoint(service.newest_note() or "")
    proof = service.store.consistency_proof(old_size, head.size)
    verify_consistency(old_size, head.size, proof, bytes.fromhex(old_root), head.root)
    found = service.store.database.rows("SELECT log_index FROM events")
    assert len(found) > stated["rows"]["events"][0] > 0
    for (index,) in found:
        proven = prove_event(service.store, index, service.store.database)
        assert proven is not None
        assert proven.entry is not None
        assert proven.inclusion is not None
        assert proven.faults == ()
        path = proven.inclusion.proof
        verify_inclusion(leaf_hash(proven.entry), index, head.size, path, head.root)


@pytest.mark.parametrize("name", released.names())
def test_what_an_earlier_version_left_opens_with_its_rows_its_tree_and_its_proofs(
    name: str, tmp_path: Path
) -> None:
    home = released.unpacked(name, tmp_path)
    service = migrated(home)
    try:
        check(service, name)
        policy = parse_policy(service.own_policy())
    finally:
        service.close("the test is over")
    source = DataSource(home / "data")
    try:
        assert verify(source, policy).exit_code == 0
    finally:
        source.close()


@pytest.mark.parametrize("name", released.names())
def test_the_database_of_an_earlier_version_is_made_anew_from_what_lies_beside_it(
    name: str, tmp_path: Path
) -> None:
    home = released.unpacked(name, tmp_path)
    (home / "data" / DATABASE_NAME).unlink()
    rebuild(home)
    service = released.opened(home)
    try:
        check(service, name)
    finally:
        service.close("the test is over")


def test_every_release_and_every_format_has_left_a_fixture() -> None:
    changelog = (ROOT / "CHANGELOG.md").read_text("utf-8")
    versions = re.findall(r"(?m)^## \[(\d+\.\d+\.\d+)\]", changelog)
    listed = subprocess.run(
        ["git", "tag", "--list", "v*"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    tags = [tag.removeprefix("v") for tag in listed.stdout.split()]
    formats = [f"format-{number}" for number in range(1, KNOWN + 1)]
    lacking = {*versions, *tags, *formats} - set(released.names())
    assert not lacking, f"make them with that version: python -m tests.released {min(lacking)}"


def test_the_fixtures_are_small() -> None:
    sizes = {one.name: one.stat().st_size for one in released.FOLDER.iterdir() if one.is_file()}
    assert sum(sizes.values()) < released.MAX_BYTES * max(1, len(released.names())), sizes


def test_an_archive_of_a_newer_version_is_refused_and_left_alone(tmp_path: Path) -> None:
    home = released.unpacked(released.names()[-1], tmp_path)
    parts = sorted((home / "data" / "archive").rglob("*.json"))
    assert parts
    for part in parts:
        stated = orjson.loads(part.read_bytes())
        part.write_bytes(orjson.dumps({**stated, "format": "tallystick.archive/v3"}))
    before = {part: part.read_bytes() for part in parts}
    with pytest.raises(StoreError, match=r"is of another version: expected tallystick\.archive/v2"):
        released.opened(home)
    assert {part: part.read_bytes() for part in parts} == before
