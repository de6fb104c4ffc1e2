"""Make the fixture of the version that is here: `python -m tests.released NAME`."""

import json
import sys
import tarfile
import tempfile
from pathlib import Path

from tallystick_ingest.auth.api_keys import NewKey
from tallystick_ingest.auth.limits import CallerLimits
from tests.released import ARCHIVE_END, FOLDER, newest, told
from tests.retained import OldService


def main() -> int:
    """Make it; one that is there is left alone."""
    [name] = sys.argv[1:]
    target = FOLDER / f"{name}{ARCHIVE_END}"
    with tempfile.TemporaryDirectory() as place, tarfile.open(target, "x:xz") as archive:
        home = Path(place) / "home"
        stated = made(home)
        archive.add(home, "home")
    (FOLDER / f"{name}.json").write_text(json.dumps(stated, indent=2) + "\n", "utf-8")
    return 0


def made(home: Path) -> dict[str, object]:
    """Leave a stopped service in `home`: an archive, a journal that is not empty, and a database."""
    old = OldService(home)
    old.calls(["search", "pay"], principal__ref="ab" * 16, agent__name="planner")
    old.send_spans(5)
    service = old.service
    service.accounts.add("ada", "admin", "a long password of nobody")
    key, _ = service.create_api_key(NewKey("reader", ("read",), limits=CallerLimits(5, 50)))
    service.ring.revoke(key.id)
    service.create_api_key(NewKey("sender", ("ingest",)))
    service.store.trim_journal()
    old.calls(["refund"], agent__name="planner")
    service.store.publisher.publish_now()
    stated = told(service)
    old.close()
    return {**stated, "checkpoint": newest(home)}


if __name__ == "__main__":
    sys.exit(main())
