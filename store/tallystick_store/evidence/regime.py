"""A regime: provisions of a law, when they apply, and the checks that speak to them, read from data.

Nothing about a law stands in code; `regimes/<name>.yaml` is printed into every report that uses it.
Reading is strict: an unknown key, a check of a provision that is not listed, or a state that does not
exist is a StoreError, so a wrong file cannot make a wrong report.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import date
from functools import lru_cache
from importlib import resources
from typing import Any, Final, Literal, TypeAlias, get_args

import yaml

from tallystick.errors import ConfigError, StoreError

State: TypeAlias = Literal[
    "supports",
    "partial",
    "does_not_support",
    "no_activity",
    "operator_input",
    "not_applicable",
    "outside_logs",
]
STATES: Final[tuple[State, ...]] = get_args(State)
Basis: TypeAlias = Literal["logs", "logs+card", "card", "none"]

GATE: Final = ("INT-1", "INT-2", "INT-3")
"""While one of these does not support, no check may."""
REGIMES: Final = ("eu-ai-act",)
PERMILLE: Final = 1_000


@dataclass(frozen=True, slots=True)
class Provision:
    """One provision; `applies_from` where one date holds, else one for each class of system."""

    id: str
    actor: str
    title: str
    not_by_logs: str
    applies_from: str = ""
    annex_iii: str = ""
    annex_i: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True)
class Check:
    """One check: what it looks at, what decides it, and the most that it can show."""

    id: str
    title: str
    provisions: tuple[str, ...]
    supports_when: str
    limits: str
    basis: Basis
    unit: str = ""
    sql: str = ""
    """The population: rows of log_index, what, ok; empty where no record decides."""
    steps: tuple[int, ...] = ()
    """Steps of the verifier that it rests on: what they could not check makes it partial."""
    needs: tuple[str, ...] = ()
    """Fields of the system card without which it is open."""
    population: Literal["logs", "card"] = "logs"
    threshold_permille: int = PERMILLE
    best: State = "supports"
    because: str = ""
    otherwise: State = "does_not_support"
    because_otherwise: str = ""
    fixed: State | None = None
    not_applicable_unless: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Regime:
    """A law as data."""

    id: str
    title: str
    stand: str
    instruments: tuple[Mapping[str, str], ...]
    eli: str
    notes: tuple[str, ...]
    provisions: tuple[Provision, ...]
    checks: tuple[Check, ...]
    text: str
    """The file as it is, which goes into the package."""

    @property
    def queries(self) -> tuple[Check, ...]:
        """The checks that a query decides, INT-* first."""
        return tuple(check for check in self.checks if check.sql)


@lru_cache(maxsize=len(REGIMES))
def load_regime(name: str) -> Regime:
    """Read a regime of this version; raise ConfigError for a name that it does not have."""
    if name not in REGIMES:
        raise ConfigError(f"there is no regime {name[:64]!r}: expected one of {', '.join(REGIMES)}")
    file = resources.files("tallystick_store.evidence").joinpath(f"regimes/{name}.yaml")
    return parse_regime(file.read_text(encoding="utf-8"))


def parse_regime(text: str) -> Regime:
    """Read a regime; raise StoreError for one that is not in its form."""
    try:
        value = yaml.safe_load(text)
        regime = Regime(
            id=value["regime"],
            title=value["title"],
            stand=_day(value["stand"]),
            instruments=tuple(
                {name: str(item) for name, item in one.items()} for one in value["instruments"]
            ),
            eli=value["eli"],
            notes=tuple(value["notes"]),
            provisions=tuple(_provision(one) for one in value["provisions"]),
            checks=tuple(_check(one) for one in value["checks"]),
            text=text,
        )
    except (yaml.YAMLError, KeyError, TypeError, ValueError) as error:
        raise StoreError(f"the regime is not in its form: {error}") from error
    _require_whole(regime)
    return regime


def _provision(value: dict[str, Any]) -> Provision:
    given = dict(value)
    for name in _DAYS:
        if name in given:
            given[name] = _day(given[name])
    return Provision(**given)


_DAYS: Final = ("applies_from", "annex_iii", "annex_i")
_LISTS: Final = ("provisions", "steps", "needs")


def _check(value: dict[str, Any]) -> Check:
    known = {field.name for field in fields(Check)}
    if unknown := value.keys() - known:
        raise ValueError(f"{value.get('id')}: unknown keys {sorted(unknown)}")
    given = dict(value)
    for name in _LISTS:
        given[name] = tuple(given.get(name, ()))
    unless: dict[str, str] = given.get("not_applicable_unless", {})
    given["not_applicable_unless"] = tuple(sorted(unless.items()))
    return Check(**given)


def _day(value: object) -> str:
    if not isinstance(value, date):
        raise ValueError(f"{value!r} is no date")  # noqa: TRY004 - one error for every wrong file
    return value.isoformat()


def _require_whole(regime: Regime) -> None:
    known = {provision.id for provision in regime.provisions}
    _require_unique([provision.id for provision in regime.provisions])
    _require_unique([check.id for check in regime.checks])
    for check in regime.checks:
        _require(bool(check.provisions) and known.issuperset(check.provisions), check, "provisions")
        _require(
            {check.best, check.otherwise, check.fixed or check.best} <= set(STATES), check, "state"
        )
        _require(bool(check.sql) != bool(check.fixed), check, "either sql or a fixed state")
        _require(check.best == "supports" or bool(check.because), check, "because")
        _require(bool(check.because) or check.fixed is None, check, "because")
        _require(check.basis in get_args(Basis), check, "basis")
    for provision in regime.provisions:
        dated = bool(provision.applies_from) != bool(provision.annex_iii and provision.annex_i)
        if not dated:
            raise StoreError(f"provision {provision.id} needs one date, or one for each annex")
    if not set(GATE) <= {check.id for check in regime.queries}:
        raise StoreError(f"a regime needs the checks {', '.join(GATE)}")


def _require(holds: bool, check: Check, what: str) -> None:
    if not holds:
        raise StoreError(f"check {check.id} is wrong in: {what}")


def _require_unique(names: Sequence[str]) -> None:
    if len(set(names)) != len(names):
        raise StoreError(f"a name stands twice: {sorted(names)}")
