"""A value that is too large for its record, in a real browser: a preview, and a link to the whole."""

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser

from tallystick import runtime
from tallystick.capture.call import Call, Ending, Sighting
from tallystick.config import load_config
from tests.e2e.people import Visitor
from tests.e2e.world import World
from tests.patience import PATIENCE_S
from tests.requirements import requirement

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

ROWS = 20_000


@pytest.fixture(scope="module")
def trace_id(world: World, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Let a tool give a large result; return its trace."""
    service = world.service
    running = runtime.start(
        load_config(
            {},
            home=tmp_path_factory.mktemp("emitter"),
            endpoint=f"http://127.0.0.1:{service.port}",
            api_key=service.credentials["api_key"],
        )
    )
    try:
        call = Call(running, Sighting("function", "tool", "large_report", params={"n": 1}))
        call.open_span()
        call.end(Ending("success", {"rows": [{"n": n, "word": "plain"} for n in range(ROWS)]}))
        assert running.flush(PATIENCE_S)
        assert call.span is not None
        yield call.span.ids.trace_id
    finally:
        running.shutdown(5)


@requirement("sdk.large-values")
def test_the_preview_of_a_large_result_leads_to_the_whole_of_it(
    world: World, browser: Browser, administrator: Mapping[str, Any], trace_id: str, tmp_path: Path
) -> None:
    with browser.new_context(storage_state=administrator, accept_downloads=True) as context:  # type: ignore[arg-type]  # what storage_state() gave
        visitor = Visitor(context, world.url).open(f"/trace?id={trace_id}")
        link = visitor.page.get_by_role("link", name=re.compile("The whole value, masked"))
        with visitor.page.expect_download() as download:
            link.click()
        download.value.save_as(tmp_path / "whole.json")
        assert visitor.watcher.faults == []
    whole = json.loads((tmp_path / "whole.json").read_text(encoding="utf-8"))
    assert len(whole["rows"]) == ROWS
