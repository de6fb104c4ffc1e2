"""Following a service that is not there: the reason is told, and it is tried again, less and less often."""

import pytest

from tallystick.shipping.client import Target
from tallystick_ingest.following import Following
from tests.ports import free_port


class EnoughError(Exception):
    """Ends a program that would follow for ever."""


def test_an_absent_service_is_tried_again_and_the_reason_is_told() -> None:
    told: list[str] = []
    pauses: list[float] = []

    def pause(seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) == 3:
            raise EnoughError

    endpoint = f"http://127.0.0.1:{free_port()}"
    following = Following(Target(endpoint, "a key"), {}, tell=told.append, pause=pause)
    with pytest.raises(EnoughError):
        list(following.actions())
    assert pauses == [1, 2, 4]
    expected = [
        f"{endpoint} does not answer: Connection refused; again in {s} s" for s in (1, 2, 4)
    ]
    assert told == expected
