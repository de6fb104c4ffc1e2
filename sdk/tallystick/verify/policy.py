"""The trust policy: the keys that an auditor trusts, kept outside what is being checked.

    log <vkey of the tenant log>
    emitter <vkey of an emitter identity key>     one line each
    minimum-size <tree size>                      optional
    checkpoint <base64 of a signed checkpoint>    optional, repeatable

The line format is that of C2SP tlog-policy: `#` starts a comment, words are separated by white
space. Anything else is refused: a policy that is half understood is no policy.
"""

from dataclasses import dataclass
from typing import TypeVar

from tallystick.errors import VerificationError
from tallystick.tlog.encoding import from_base64, from_decimal, to_base64
from tallystick.tlog.note import VerifierKey, parse_vkey

MAX_POLICY_BYTES = 4 * 1024 * 1024
"""Some 20,000 emitters; a policy is written by hand or by `tallystick keys policy`."""

_POLICY_WORDS = 2

PolicyValue = TypeVar("PolicyValue", VerifierKey, int)


@dataclass(frozen=True, slots=True)
class Policy:
    """What an auditor trusts: one log, emitters, and what is known of the log from elsewhere."""

    log: VerifierKey
    emitters: tuple[VerifierKey, ...] = ()
    minimum_size: int = 0
    checkpoints: tuple[str, ...] = ()
    """Signed notes that were seen elsewhere; each must be an ancestor of the log."""

    def emitter(self, name: str, key_id: str) -> VerifierKey | None:
        """Return the emitter's key of this name and key id (8 hex digits), if it is trusted."""
        for key in self.emitters:
            if key.name == name and key.key_id.hex() == key_id:
                return key
        return None


def print_policy(policy: Policy) -> str:
    """Return the text of a policy."""
    lines = [f"log {policy.log.vkey}", *(f"emitter {key.vkey}" for key in policy.emitters)]
    if policy.minimum_size:
        lines.append(f"minimum-size {policy.minimum_size}")
    lines += [f"checkpoint {to_base64(note.encode())}" for note in policy.checkpoints]
    return "\n".join(lines) + "\n"


def parse_policy(text: str) -> Policy:
    """Read a policy; raise VerificationError that names the line.

    Refused: an unknown word, a second log or minimum-size, a repeated key, no log.
    """
    if len(text) > MAX_POLICY_BYTES:
        raise VerificationError(f"the trust policy is larger than {MAX_POLICY_BYTES} characters")
    reader = _PolicyReader()
    for number, line in enumerate(text.split("\n"), 1):
        try:
            reader.read(line.partition("#")[0].split())
        except VerificationError as error:
            raise VerificationError(f"trust policy, line {number}: {error}") from error
    return reader.policy()


class _PolicyReader:
    """The words of a policy, collected line by line."""

    def __init__(self) -> None:
        self._logs: list[VerifierKey] = []
        self._emitters: list[VerifierKey] = []
        self._sizes: list[int] = []
        self._checkpoints: list[str] = []

    def read(self, words: list[str]) -> None:
        if not words:
            return
        if len(words) != _POLICY_WORDS:
            raise VerificationError(f"expected a word and its value, got {len(words)} words")
        word, value = words
        if word == "log":
            self._once(self._logs, parse_vkey(value), "log")
        elif word == "emitter":
            self._add_emitter(parse_vkey(value))
        elif word == "minimum-size":
            self._once(self._sizes, from_decimal(value, "minimum-size"), "minimum-size")
        elif word == "checkpoint":
            self._checkpoints.append(_policy_note(value))
        else:
            raise VerificationError(
                f"unknown word {word[:32]!r}: expected log, emitter, minimum-size or checkpoint"
            )

    def policy(self) -> Policy:
        if not self._logs:
            raise VerificationError("the trust policy names no log: expected one line `log <vkey>`")
        size = self._sizes[0] if self._sizes else 0
        return Policy(self._logs[0], tuple(self._emitters), size, tuple(self._checkpoints))

    def _add_emitter(self, key: VerifierKey) -> None:
        if any((key.name, key.key_id) == (known.name, known.key_id) for known in self._emitters):
            raise VerificationError(f"the emitter {key.name} stands here twice; remove one line")
        self._emitters.append(key)

    @staticmethod
    def _once(values: list[PolicyValue], value: PolicyValue, word: str) -> None:
        if values:
            raise VerificationError(f"a second `{word}` line: expected one")
        values.append(value)


def _policy_note(value: str) -> str:
    try:
        return from_base64(value, "the checkpoint").decode("utf-8")
    except UnicodeDecodeError as error:
        raise VerificationError("the checkpoint is not UTF-8 text") from error
