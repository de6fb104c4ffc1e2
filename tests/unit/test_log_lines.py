"""Log lines: one line each in either form, masked, inert, and without what exceptions say."""

import asyncio
import io
import json
import logging
import sys
import threading
import warnings
from collections.abc import Iterator
from typing import Any

import pytest

from tallystick.log_lines import FORMS, MAX_CHARS, Form, LineFormatter, configure
from tallystick_ingest.edge import Edge
from tests.requirements import requirement

pytestmark = requirement("operations.logs")

CANARY = "canary7f3a"
EMAIL = "ada.canary@example.com"
KEY = "Bearer sk-proj-abcdefghijklmnop1234567890ABCDEF"
FORGED = "x\n2026-11-23T08:00:00.000Z ERROR tallystick: forged\r\u2028\x1b[31m\u202e"


@pytest.fixture
def stream() -> Iterator[io.StringIO]:
    """Give what log lines go to; what the process had before is put back."""
    root = logging.getLogger()
    before = (root.handlers[:], root.level, logging.raiseExceptions)
    hooks = (sys.excepthook, sys.unraisablehook, threading.excepthook)
    yield io.StringIO()
    root.handlers[:], root.level, logging.raiseExceptions = before
    sys.excepthook, sys.unraisablehook, threading.excepthook = hooks
    logging.captureWarnings(capture=False)
    for name in ("tallystick", "tallystick_store", "tallystick_ingest", "tallystick_dashboard"):
        logging.getLogger(name).setLevel(logging.NOTSET)


def lines(stream: io.StringIO, form: Form) -> list[str]:
    """Return the lines, each of which is of the form."""
    found = stream.getvalue().splitlines()
    for line in found:
        assert line.isascii() or form == "text"
        assert line.isprintable()
        if form == "json":
            assert {"time", "level", "logger", "message"} <= set(json.loads(line))
        else:
            assert line[:4].isdigit()
            assert line[23] == "Z"
    return found


@pytest.mark.parametrize("form", FORMS)
def test_a_line_is_masked_inert_and_one(stream: io.StringIO, form: Form) -> None:
    configure(form, "info", stream)
    log = logging.getLogger("tallystick.test")
    log.warning("hello %s", FORGED, extra={"fields": {"who": EMAIL, "count": 3, "key": KEY}})
    log.info("of %s", EMAIL)
    log.debug("not told")
    found = lines(stream, form)
    assert len(found) == 2
    assert "forged" in found[0]
    assert not any(EMAIL in line or "sk-proj" in line for line in found)
    if form == "json":
        told = json.loads(found[0])
        assert told["fields"] == {"who": "[email]", "count": 3, "key": "Bearer [secret]"}
        assert (told["level"], told["logger"]) == ("warning", "tallystick.test")
        assert told["message"] == f"hello {FORGED}"
    else:
        assert found[1].endswith("Z INFO tallystick.test: of [email]")


@pytest.mark.parametrize("form", FORMS)
def test_what_an_exception_says_is_not_told(stream: io.StringIO, form: Form) -> None:
    configure(form, "debug", stream)
    log = logging.getLogger("tallystick_store.test")
    try:
        try:
            dict[str, str]()[CANARY]
        except KeyError as behind:
            raise ValueError(CANARY) from behind
    except ValueError:
        log.exception("it failed")
    [found] = lines(stream, form)
    assert CANARY not in found
    assert "builtins.ValueError from builtins.KeyError" in found
    assert "test_log_lines.py" in found


@pytest.mark.parametrize("form", FORMS)
def test_of_others_the_values_are_not_told(stream: io.StringIO, form: Form) -> None:
    logging.getLogger("uvicorn.error").addHandler(logging.StreamHandler(stream))
    logging.getLogger("uvicorn.error").propagate = False
    configure(form, "debug", stream)
    logging.getLogger("asyncio").error("Task was not retrieved\nfuture: %s", CANARY)
    logging.getLogger("uvicorn.error").error("a header: %s", CANARY)
    logging.getLogger("duckdb.thing").error(f"a value {CANARY}")  # noqa: G004 - as others do
    logging.getLogger("duckdb.thing").info(CANARY)
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.warn(CANARY, UserWarning, stacklevel=1)
    found = lines(stream, form)
    assert len(found) == 4
    assert not any(CANARY in line for line in found)
    assert "Task was not retrieved" in found[0]
    assert "a header: %s" in found[1]
    assert "test_log_lines.py" in found[2]


@pytest.mark.parametrize("form", FORMS)
def test_a_thread_that_dies_and_values_that_do_not_fit_are_told_without_values(
    stream: io.StringIO, form: Form, capsys: pytest.CaptureFixture[str]
) -> None:
    configure(form, "info", stream)

    def die() -> None:
        raise RuntimeError(CANARY)

    thread = threading.Thread(target=die)
    thread.start()
    thread.join()
    logging.getLogger("tallystick.test").warning("%d of %s", CANARY)  # noqa: PLE1206 - the mistake
    found = lines(stream, form)
    assert "something ended that was not to end" in found[0]
    assert "builtins.RuntimeError" in found[0]
    assert "%d of %s" in found[1]
    assert not any(CANARY in line for line in found)
    assert capsys.readouterr() == ("", "")


def test_a_message_has_an_end() -> None:
    record = logging.makeLogRecord({"name": "tallystick", "msg": "a" * 10**6, "args": ()})
    assert len(LineFormatter("text").format(record)) < MAX_CHARS + 200


@pytest.mark.parametrize("form", FORMS)
def test_a_fault_is_told_by_the_route_and_never_by_the_path(
    stream: io.StringIO, form: Form
) -> None:
    configure(form, "info", stream)

    async def fails(*_: Any) -> None:
        raise ValueError(CANARY)

    class Heads:
        def newest_note(self) -> None:
            return None

        def is_seen(self, _note: str) -> bool:
            return True

        def observe(self, _note: str) -> None:
            return

    sent: list[Any] = []

    async def send(event: Any) -> None:
        sent.append(event)

    async def receive() -> Any:
        return {"type": "http.request", "body": b""}

    scope = {"type": "http", "path": f"/{CANARY}\nforged", "headers": [], "method": "GET"}
    asyncio.run(Edge(fails, Heads())(scope, receive, send))
    assert sent[0]["status"] == 503
    [found] = lines(stream, form)
    assert CANARY not in found
    assert "ValueError" in found
