"""A running service is read over HTTP and recomputed; one that lies contradicts what it signed."""

import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar
from urllib.parse import parse_qs, urlsplit

import pytest

from tallystick.errors import VerificationError
from tallystick.verify import cli, live
from tallystick.verify.lines import print_record_line
from tallystick.verify.live import LiveSource
from tallystick.verify.report import Report
from tallystick.verify.standalone import report_on
from tests.builder import Log, sample_log
from tests.verifying import messages, steps

KEY = "key-of-an-auditor"


class Service(BaseHTTPRequestHandler):
    """The two endpoints that a live check asks, over a log in memory."""

    log: ClassVar[Log]
    hooks: ClassVar[dict[str, Callable[[int, bytes], bytes]]]
    status: ClassVar[int]
    blobs: ClassVar[dict[str, bytes]]

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        if self.headers["Authorization"] != f"Bearer {KEY}":
            self.answer(401, b"")
        elif parts.path == "/base/api/v1/log/checkpoint":
            self.answer(200, self.log.notes[-1].encode())
        elif parts.path.startswith("/base/api/v1/blobs/"):
            content = self.blobs.get(parts.path.rpartition("/")[2])
            self.answer(404 if content is None else self.status, content or b"none")
        else:
            query = parse_qs(parts.query)
            self.answer(self.status, self.records(int(query["from"][0]), int(query["to"][0])))

    def records(self, start: int, stop: int) -> bytes:
        lines = (
            print_record_line(self.log.entries_list[index], self.log.contents[index]) + b"\n"
            for index in range(start, min(stop, start + 10))
        )
        return b"".join(
            self.hooks["line"](start + number, line) for number, line in enumerate(lines)
        )

    def answer(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - as it is named there
        """Say nothing."""


@pytest.fixture
def url() -> Iterator[str]:
    Service.log, Service.status, Service.blobs = sample_log(), 200, {}
    Service.hooks = {"line": lambda index, line: line}
    server = ThreadingHTTPServer(("127.0.0.1", 0), Service)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/base/"
    server.shutdown()
    thread.join()
    server.server_close()


def verified(url: str, key: str = KEY) -> Report:
    policy = Service.log.policy()
    return report_on("live", url, lambda: LiveSource(url, key), policy)


def test_an_honest_service_verifies(url: str) -> None:
    report = verified(url)
    assert (report.exit_code, report.kind, report.stop) == (0, "live", 32)
    assert report.findings.checked[8, "entries"] == 32
    assert "see verify --data" in messages(report, 1, "notice")
    assert report.name == url.rstrip("/")


def test_the_log_may_take_several_pieces(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "LIVE_PIECE_ENTRIES", 7)
    assert verified(url).exit_code == 0
    monkeypatch.setattr(live, "LIVE_PIECE_ENTRIES", 8)
    assert verified(url).exit_code == 0


def blobs(url: str, *wanted: str) -> list[tuple[str, bytes | None]]:
    source = LiveSource(url, KEY)
    try:
        return [
            (sha256, None if blocks is None else b"".join(blocks))
            for sha256, blocks in source.blobs(wanted)
        ]
    finally:
        source.close()


def test_a_blob_is_fetched_by_its_name_and_one_that_is_missing_is_none(url: str) -> None:
    Service.blobs = {"sha256:ab": b"content"}
    assert blobs(url, "cd", "ab") == [("cd", None), ("ab", b"content")]
    Service.status = 503
    with pytest.raises(VerificationError, match="answers 503 to /api/v1/blobs"):
        blobs(url, "ab")


def test_no_more_of_a_blob_is_read_than_a_blob_may_have(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "MAX_BLOB_BYTES", 3)
    Service.blobs = {"sha256:ab": b"content"}
    assert blobs(url, "ab") == [("ab", b"cont")]


def changing(change: Callable[[int, bytes], bytes]) -> None:
    Service.hooks["line"] = change


def test_a_changed_statement_is_named(url: str) -> None:
    changing(lambda index, line: line.replace(b"success", b"failure") if index == 5 else line)
    report = verified(url)
    assert steps(report) == [2, 7]
    assert "log index 5" in messages(report, 2)


def test_a_record_that_is_held_back_is_named(url: str) -> None:
    changing(lambda index, line: b"" if index == 31 else line)
    report = verified(url)
    assert (report.exit_code, report.is_complete) == (1, False)
    assert "gives no records from log index 31 on" in messages(report, 1)


def test_a_line_in_another_form_is_named(url: str) -> None:
    changing(lambda index, line: b"{}\n" if index == 5 else line)
    report = verified(url)
    assert {1, 8, 9} <= set(steps(report))
    assert "the line of log index 5: a record line has no entry" in messages(report, 1)


def test_a_line_of_another_index_is_named(url: str) -> None:
    changing(lambda index, line: line.replace(b'"log_index":5,', b'"log_index":6,'))
    report = verified(url)
    assert steps(report) == [2, 7, 8]
    assert "log index 6: a second row" in messages(report, 8)


def test_a_broken_line_beside_a_repeated_one_is_named(url: str) -> None:
    def change(index: int, line: bytes) -> bytes:
        return b"{}\n" if index == 5 else line.replace(b'"log_index":6,', b'"log_index":5,')

    changing(change)
    assert "the row gives no entry: no stored columns" in messages(verified(url), 8)


def test_a_line_that_is_cut_is_named(url: str) -> None:
    changing(lambda index, line: line[:-1] if index == 9 else line)
    assert "a line of the record stream was cut" in messages(verified(url), 1)


def test_a_key_that_may_not_read_is_named(url: str) -> None:
    report = verified(url, "another")
    assert "the service answers 401" in messages(report, 1)
    assert "the service answers 401" in messages(verified(url, ""), 1)


def test_a_service_that_fails_on_the_way_is_named(url: str) -> None:
    Service.status = 503
    assert "answers 503 to /api/v1/records?from=0&to=32" in messages(verified(url), 1)


def test_a_service_that_is_not_there_is_named(url: str) -> None:
    assert "the service cannot be read" in messages(verified("http://127.0.0.1:9"), 1)


def test_a_checkpoint_that_is_none_is_named(url: str) -> None:
    Service.log.notes[-1] = "nothing"
    assert "no signatures" in messages(verified(url), 1)


def test_a_checkpoint_in_another_encoding_is_named(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Service, "do_GET", lambda self: self.answer(200, "é".encode("latin-1")))
    assert "checkpoint is not UTF-8" in messages(verified(url), 1)


@pytest.mark.parametrize("url", ["ftp://x", "http://", "127.0.0.1:4318", "file:///etc/passwd"])
def test_an_address_of_another_kind_is_refused(url: str) -> None:
    with pytest.raises(VerificationError, match="is no address of a service"):
        LiveSource(url, "")


def test_the_command_takes_the_key_from_the_environment(
    url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TALLYSTICK_API_KEY", KEY)
    assert cli.main(["--url", url]) == 2
    assert "live http://127.0.0.1" in capsys.readouterr().out


def test_a_password_in_the_address_is_not_printed(url: str) -> None:
    report = verified(url.replace("127.0.0.1", "somebody:secret@127.0.0.1"))
    assert report.exit_code == 0
    assert "secret" not in report.text
