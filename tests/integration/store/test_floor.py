"""Exceptions from the floor: two people agree on less than six months, and the verifier asks who allowed it."""

from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from tallystick.errors import AuthorizationError, ConfigError
from tallystick.verify.authority import Authority, DeletionRequest
from tallystick.verify.report import Report
from tallystick_ingest.auth.gate import ADMINISTRATOR, Caller
from tallystick_ingest.otlp.incoming import BusyError
from tallystick_ingest.retention import Retention
from tallystick_store.governance.requests import ConflictError
from tests.requirements import requirement
from tests.retained import ADA, ANNA, BERT, OldService

CLASSES = """
[[class]]
name = "calls"
keep = "P1M"
types = ["tool.*"]

[[class]]
name = "others"
keep = "P1M"
"""
DAY_US = 86_400_000_000


@pytest.fixture
def young(tmp_path: Path) -> Iterator[OldService]:
    """A service whose calls are three months old."""
    made = OldService(tmp_path / "home", CLASSES)
    made.calls(["alpha", "beta", "gamma"])
    made.wait_months(3)
    yield made
    made.close()


def wanted(
    young: OldService, class_name: str | None = "calls", keep: str = "P2M", days: int = 30
) -> DeletionRequest:
    until_us = young.clock.now_us() + days * DAY_US
    return young.service.floor_exceptions.ask(ANNA, class_name, keep, until_us, "a law of ours")


def excepted(
    young: OldService, class_name: str | None = "calls", keep: str = "P2M", days: int = 30
) -> DeletionRequest:
    asked = wanted(young, class_name, keep, days)
    return young.service.floor_exceptions.confirm(BERT, asked.id, asked.digest, "I know the law")


def faults(report: Report) -> str:
    found = report.findings.listed
    return "".join(one.message for one in found if (one.severity, one.step) == ("fault", 14))


@requirement("retention.exception")
@pytest.mark.parametrize("class_name", ["calls", None])
def test_two_people_may_agree_on_less_than_six_months(
    young: OldService, class_name: str | None
) -> None:
    with pytest.raises(ConflictError, match="nothing is due"):
        young.ask()
    exception = excepted(young, class_name)
    assert young.service.floor_exceptions.state_of(exception) == "in force"
    [plan, _] = young.service.retention.plan()
    assert (plan.due, plan.exceptions) == (3, (exception.id,))
    young.delete()
    assert young.indexes() == []
    package = young.verify_package(young.package())
    young.close()
    for report in (young.verify(), package):
        assert report.exit_code == 0, report.text
        assert "the exception of log index" in report.text


@requirement("retention.exception")
def test_an_exception_is_for_its_class_and_no_younger_than_it_says(young: OldService) -> None:
    excepted(young, "others")
    with pytest.raises(ConflictError, match="nothing is due"):
        young.ask()
    with pytest.raises(ConflictError, match="nothing is due"):
        young.service.retention.ask(ANNA, None, {"tool": "*"}, "")
    excepted(young, "calls", "P4M")
    with pytest.raises(ConflictError, match="nothing is due"):
        young.ask()


@requirement("retention.exception")
def test_an_exception_ends_by_itself_and_by_anybody_who_keeps_the_records(
    young: OldService,
) -> None:
    floor = young.service.floor_exceptions
    exception = excepted(young, days=5)
    request = young.ask()
    floor.revoke(ANNA, exception.id, "the law has changed")
    assert floor.state_of(floor.requests()[0]) == "revoked"
    with pytest.raises(ConflictError, match="no exception"):
        young.service.retention.confirm(BERT, request.id, request.digest, "")
    with pytest.raises(ConflictError, match="withdrawn"):
        floor.revoke(ANNA, exception.id, "again")
    short = excepted(young, days=5)
    assert young.ask().count == 3
    young.clock.advance(6 * 86_400)
    assert floor.state_of(floor.requests()[1]) == "over"
    with pytest.raises(ConflictError, match="nothing is due"):
        young.ask()
    assert short.id not in young.service.retention.plan()[0].exceptions


@requirement("retention.exception", "retention.two-people")
def test_nobody_states_an_exception_alone(young: OldService) -> None:
    floor = young.service.floor_exceptions
    asked = wanted(young)
    with pytest.raises(ConflictError, match="nothing is due"):
        young.ask()
    with pytest.raises(AuthorizationError, match="another person"):
        floor.confirm(ANNA, asked.id, asked.digest, "myself")
    with pytest.raises(ConflictError, match="digest"):
        floor.confirm(BERT, asked.id, "0" * 64, "")
    key = Caller("key-1", "a program", ANNA.scopes)
    viewer = Caller("account-0000000d", "carl", ("read",), is_human=True, role="viewer")
    for caller in (key, viewer, ADMINISTRATOR):
        with pytest.raises(AuthorizationError):
            floor.ask(caller, None, "P1M", young.clock.now_us() + DAY_US, "a law")
    lesser = Caller("account-0000000e", "eve", ("retain",), is_human=True)
    with pytest.raises(AuthorizationError, match=r"delete\.confirm"):
        floor.confirm(lesser, asked.id, asked.digest, "")
    with pytest.raises(ConflictError, match="not for the deletion of records"):
        young.service.retention.confirm(BERT, asked.id, asked.digest, "")
    floor.revoke(ADA, asked.id, "no")
    assert floor.state_of(floor.requests()[0]) == "withdrawn"


@pytest.mark.parametrize(
    ("class_name", "keep", "days", "reason", "why"),
    [
        (None, "P6M", 1, "a law", "no less than the floor"),
        (None, "P7M", 1, "a law", "no less than the floor"),
        (None, "PT1H", 1, "a law", "ISO 8601"),
        (None, "1 month", 1, "a law", "ISO 8601"),
        (None, "P1M", 0, "a law", "future"),
        (None, "P1M", -9, "a law", "future"),
        (None, "P1M", 10**9, "a law", "future"),
        ("nobody's", "P1M", 1, "a law", "no retention class"),
        (None, "P1M", 1, " ", "which law"),
    ],
)
def test_what_makes_no_exception_is_refused(
    young: OldService, class_name: str | None, keep: str, days: int, reason: str, why: str
) -> None:
    until_us = young.clock.now_us() + days * DAY_US
    with pytest.raises(ConfigError, match=why):
        young.service.floor_exceptions.ask(ANNA, class_name, keep, until_us, reason)
    assert young.service.floor_exceptions.requests() == []


def test_an_exception_that_cannot_be_recorded_is_none(
    young: OldService, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise BusyError("the disk is full")

    asked = wanted(young)
    monkeypatch.setattr(young.service.two_people, "_state", full)
    with pytest.raises(BusyError):
        young.service.floor_exceptions.confirm(BERT, asked.id, asked.digest, "")
    monkeypatch.undo()
    with pytest.raises(ConflictError, match="nothing is due"):
        young.ask()


class ForgedAuthority:
    """A service whose operator took the look at the floor out: it signs whatever two accounts say."""

    def __init__(self, young: OldService, monkeypatch: pytest.MonkeyPatch) -> None:
        self.young, self.monkeypatch = young, monkeypatch

    def delete(self) -> None:
        def anything(_self: Retention, _authority: Authority, _class: str | None, _now: int) -> int:
            return 2**62

        self.monkeypatch.setattr(Retention, "_floor_cut_us", anything)
        self.young.delete()
        self.monkeypatch.undo()


@requirement("retention.exception", "retention.forged")
@pytest.mark.parametrize(
    "case", ["none", "not confirmed", "revoked", "over", "other class", "longer", "later"]
)
def test_a_deletion_below_the_floor_without_an_exception_in_force_is_a_fault(
    young: OldService, monkeypatch: pytest.MonkeyPatch, case: str
) -> None:
    forged, floor = ForgedAuthority(young, monkeypatch), young.service.floor_exceptions
    if case == "not confirmed":
        wanted(young)
    elif case == "revoked":
        floor.revoke(BERT, excepted(young).id, "off")
    elif case == "over":
        excepted(young, days=1)
        young.clock.advance(2 * 86_400)
    elif case == "other class":
        excepted(young, "others")
    elif case == "longer":
        excepted(young, keep="P5M")
    forged.delete()
    if case == "later":
        excepted(young)
    package = young.verify_package(young.package())
    young.close()
    for report in (young.verify(), package):
        assert report.exit_code == 1
        assert "without an exception" in faults(report)


@requirement("retention.exception", "retention.forged")
@pytest.mark.parametrize(
    ("stated", "by"),
    [
        ({"keep": "P1D", "until_us": str(2**52)}, "account-0000000a"),
        ({"keep": "P1D", "until_us": str(2**52), "tool": "*"}, "account-0000000b"),
        ({"keep": "P1D"}, "account-0000000b"),
        ({"until_us": str(2**52)}, "account-0000000b"),
        ({"keep": "P0D", "until_us": str(2**52)}, "account-0000000b"),
        ({"keep": "P7D", "until_us": "-1"}, "account-0000000b"),
        ({"keep": "P1W", "until_us": str(2**52)}, "account-0000000b"),
    ],
)
def test_a_forged_exception_has_no_effect_and_is_listed(
    young: OldService, monkeypatch: pytest.MonkeyPatch, stated: Mapping[str, str], by: str
) -> None:
    service = young.service
    forged = ForgedAuthority(young, monkeypatch)
    person = {"principal.type": "human", "principal.basis": "authenticated", "roles": ["admin"]}
    request = {
        "request.id": "f" * 32,
        "request.kind": "policy",
        "request.digest": "0" * 64,
        "request.count": 0,
        "request.filter": dict(stated),
        "request.expires_us": 2**52,
    }
    confirmation = {
        "request.id": "f" * 32,
        "request.digest": "0" * 64,
        "request.holds": [],
    }
    draft = service.drafts._draft  # noqa: SLF001 - an operator who writes what no service of ours writes
    for kind, who, said in (
        ("log.delete.requested", "account-0000000a", request),
        ("log.delete.confirmed", by, confirmation),
    ):
        service.state([draft(kind, {"client.id": who, **person, **said})])
    forged.delete()
    young.close()
    report = young.verify()
    assert report.exit_code == 1
    assert "without an exception" in faults(report)
    assert "has no effect" in report.text
