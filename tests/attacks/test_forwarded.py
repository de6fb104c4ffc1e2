"""Whoever guesses says with each request that they are somebody else: only a proxy that is listed is believed."""

from collections.abc import Callable, Iterator, Mapping
from http.client import HTTPConnection
from pathlib import Path

import pytest

from tallystick_dashboard.failures import FREE_FAILURES
from tallystick_ingest.auth.limits import FREE_GUESSES, FREE_LOGINS
from tests.patience import PATIENCE_S, until
from tests.ports import free_port
from tests.requirements import requirement
from tests.sending import JSON
from tests.serving import Service

pytestmark = [pytest.mark.e2e, pytest.mark.slow, requirement("auth.forwarded")]

Start = Callable[..., "Guessed"]


class Guessed(Service):
    """A service with its dashboard, at which somebody guesses."""

    dashboard: int = 0

    def guess(self, forwarded: str) -> int:
        """Show a key that is none."""
        shown = {"Authorization": "Bearer tallystick_none", "X-Forwarded-For": forwarded}
        return self.ask("GET", "/api/v1/me", headers=shown).status

    def log_in(self, forwarded: str) -> int:
        """Show a one-time link that is none to the API: it is looked at faster than a password."""
        headers = {"Content-Type": JSON, "X-Forwarded-For": forwarded}
        return self.ask("POST", "/api/v1/login/link", b'{"token": "none"}', headers).status

    def log_in_at_dashboard(self, forwarded: str) -> int:
        """Show such a link to the dashboard."""
        headers = {
            "Content-Type": "application/x-www-form-urlencoded",
            "Origin": f"http://127.0.0.1:{self.dashboard}",
            "X-Forwarded-For": forwarded,
        }
        return self.at_dashboard("POST", "/login/link", b"token=none&next=/", headers)

    def at_dashboard(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> int:
        connection = HTTPConnection("127.0.0.1", self.dashboard, timeout=PATIENCE_S)
        try:
            connection.request(method, path, body, dict(headers or {}))
            return connection.getresponse().status
        except OSError:
            return 0
        finally:
            connection.close()


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    made: list[Guessed] = []

    def begin(*options: str) -> Guessed:
        service = Guessed(tmp_path / "service")
        service.dashboard = free_port()
        service.options = ("--dashboard-port", str(service.dashboard), *options)
        made.append(service)
        service.start()
        until(lambda: service.at_dashboard("GET", "/login") == 200, lambda: service.output)
        return service

    yield begin
    for service in made:
        service.kill()


def of(number: int) -> str:
    return f"203.0.113.{number % 250}"


def codes(ask: Callable[[str], int], address: Callable[[int], str], free: int) -> list[int]:
    """Ask three times as often as an address may, each time as whoever `address` says."""
    return [ask(address(number)) for number in range(3 * free)]


def test_what_nobody_listed_says_of_itself_changes_nothing(start: Start) -> None:
    service = start()
    guessed = codes(service.guess, of, FREE_GUESSES)
    assert set(guessed) == {401, 429}
    one = codes(service.log_in_at_dashboard, lambda _: of(0), FREE_FAILURES)
    assert set(one) == {401}, "it is this machine's own, whatever it says"
    assert set(codes(service.log_in, lambda _: of(0), FREE_LOGINS)) == {401}


def test_a_listed_proxy_is_believed_and_each_address_behind_it_counts_for_itself(
    start: Start,
) -> None:
    service = start("--trusted-proxies", "127.0.0.1")
    assert set(codes(service.guess, of, FREE_GUESSES)) == {401}
    assert 429 in codes(service.guess, lambda _: "198.51.100.1", FREE_GUESSES)
    assert 429 in codes(service.log_in, lambda _: "198.51.100.2", FREE_LOGINS)
    assert service.log_in("198.51.100.3") == 401
    assert 429 in codes(service.log_in_at_dashboard, lambda _: "198.51.100.4", FREE_FAILURES)
    few = [service.log_in("198.51.100.4") for _ in range(FREE_LOGINS // 2)]
    assert 429 in few, "the service counts for whom the dashboard asks"
    assert service.log_in_at_dashboard("198.51.100.5") == 401
    claimed = [
        service.log_in_at_dashboard(f"198.51.100.6, {of(number)}, 198.51.100.4")
        for number in range(FREE_FAILURES // 2)
    ]
    assert 429 in claimed, "the last one is the proxy's own word"
