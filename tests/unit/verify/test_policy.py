"""The trust policy: what an auditor writes is read back, and anything else is refused by line."""

import pytest

from tallystick.errors import VerificationError
from tallystick.tlog.encoding import to_base64
from tallystick.verify.policy import MAX_POLICY_BYTES, Policy, parse_policy, print_policy
from tests.keys import key_pair

LOG = key_pair("log.example/tenant").key
ONE, TWO = key_pair("emitter.example/one").key, key_pair("emitter.example/two").key
TEXT = f"log {LOG.vkey}\nemitter {ONE.vkey}\nemitter {TWO.vkey}\n"


def test_a_policy_is_read_as_it_is_printed() -> None:
    policy = Policy(LOG, (ONE, TWO), 17, ("note one\n", "note two\n"))
    assert parse_policy(print_policy(policy)) == policy
    assert print_policy(Policy(LOG, (ONE, TWO))) == TEXT


def test_comments_blank_lines_and_white_space_do_not_matter() -> None:
    text = f"# mine\n\n   log \t {LOG.vkey}   # the log\nemitter {ONE.vkey}\n"
    assert parse_policy(text) == Policy(LOG, (ONE,))


def test_an_emitter_is_found_by_name_and_key_id() -> None:
    policy = parse_policy(TEXT)
    assert policy.emitter(ONE.name, ONE.key_id.hex()) == ONE
    assert policy.emitter(ONE.name, TWO.key_id.hex()) is None
    assert policy.emitter("nobody", ONE.key_id.hex()) is None


def test_two_keys_of_one_name_may_both_be_trusted() -> None:
    old = key_pair(ONE.name, "old").key
    policy = parse_policy(f"{TEXT}emitter {old.vkey}\n")
    assert policy.emitter(old.name, old.key_id.hex()) == old


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "names no log"),
        (f"emitter {ONE.vkey}\n", "names no log"),
        (f"{TEXT}log {LOG.vkey}\n", "line 4: a second `log` line"),
        (
            f"{TEXT}emitter {ONE.vkey}\n",
            "line 4: the emitter emitter.example/one stands here twice",
        ),
        (f"{TEXT}minimum-size 1\nminimum-size 1\n", "line 5: a second `minimum-size` line"),
        (f"{TEXT}minimum-size 01\n", "minimum-size is not a decimal"),
        (f"{TEXT}checkpoint !\n", "the checkpoint is not base64"),
        (f"{TEXT}checkpoint {to_base64(bytes([255]))}\n", "not UTF-8"),
        (f"{TEXT}witness {ONE.vkey}\n", "line 4: unknown word 'witness'"),
        (f"{TEXT}emitter\n", "expected a word and its value, got 1 words"),
        (f"{TEXT}emitter {ONE.vkey} https://x\n", "got 3 words"),
        ("log x\n", "line 1: this is not a verification key"),
        ("#" * (MAX_POLICY_BYTES + 1), "larger than"),
    ],
)
def test_anything_else_is_refused(text: str, message: str) -> None:
    with pytest.raises(VerificationError, match=message):
        parse_policy(text)
