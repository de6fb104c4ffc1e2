"""A policy's answer about one call: may it, by which rule, and was the answer enforced."""

from dataclasses import dataclass
from typing import Final, Literal, get_args

from tallystick.profile import JsonValue

Effect = Literal["allow", "deny", "not_evaluated"]
EFFECTS: Final[tuple[str, ...]] = get_args(Effect)


@dataclass(frozen=True, slots=True)
class Decision:
    """What a policy said. `is_enforced` False: shadow mode, the call went on regardless."""

    effect: Effect
    policy_id: str | None = None
    policy_version: str | None = None
    rule: str | None = None
    reason: str | None = None
    is_enforced: bool = True

    @property
    def denies(self) -> bool:
        """The call may not run, and that was enforced."""
        return self.effect == "deny" and self.is_enforced

    def statement(self) -> dict[str, JsonValue]:
        """Return its fields of home `statement`."""
        stated: dict[str, JsonValue] = {
            "decision.effect": self.effect,
            "decision.policy_id": self.policy_id,
            "decision.policy_version": self.policy_version,
            "decision.rule": self.rule,
            "decision.enforced": self.is_enforced,
        }
        return {name: value for name, value in stated.items() if value is not None}

    def disclosures(self) -> dict[str, object]:
        """Return its fields of home `disclosure`."""
        return {"decision.reason": self.reason} if self.reason else {}
