"""A trust policy whose text looks like something else than it says."""

import pytest

from tallystick.verify.policy import parse_policy
from tests.keys import key_pair
from tests.requirements import requirement

pytestmark = requirement("verify.no-silent-pass")


@pytest.mark.parametrize("separator", ["\u2028", "\u2029", "\x0b", "\x0c", "\x1c", "\x85"])
def test_a_comment_ends_at_a_line_feed_alone(separator: str) -> None:
    log, stranger = key_pair("log.example/tenant").key, key_pair("evil.example/agent").key
    text = f"log {log.vkey}\n# was once:{separator}emitter {stranger.vkey}\n"
    assert parse_policy(text).emitters == ()
