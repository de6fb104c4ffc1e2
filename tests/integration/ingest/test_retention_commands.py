"""`tallystick retention` of a real service over old records: what is due, held, asked for and excepted."""

import json
from collections.abc import Iterator
from pathlib import Path
from subprocess import CompletedProcess

import pytest

from tests.aged import Person, aged_service, verified
from tests.patience import until
from tests.requirements import requirement
from tests.serving import Service

CLASSES = '[[class]]\nname = "calls"\nkeep = "P1M"\ntypes = ["tool.*"]\n'


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    made = aged_service(tmp_path / "service", 3, CLASSES)
    yield made.start()
    made.kill()


@requirement("retention.exception", "retention.two-people")
def test_less_than_six_months_by_the_commands_that_people_type(service: Service) -> None:
    cora, alan = Person(service, "cora", "compliance"), Person(service, "alan", "admin")
    plan = cora.run("retention", "plan")
    assert "calls: kept P1M; 0 of 3 entries are due" in plan.stdout, plan
    for action, said in (
        ("holds", "there are no holds"),
        ("requests", "nobody has asked"),
        ("exceptions", "there are no exceptions"),
    ):
        assert cora.run("retention", action).stdout.startswith(said)
    stated = ("--class", "calls", "--keep", "P2M", "--until", "30d", "--reason", "a law")
    asked = cora.run("retention", "exceptions", *stated)
    assert "waiting  P2M for class calls until" in asked.stdout, asked
    id_ = asked.stdout.split()[0]
    agreed = ("--confirm", id_, "--reason", "seen")
    assert "403" in cora.run("retention", "exceptions", *agreed).stderr
    confirmed = alan.run("retention", "exceptions", *agreed)
    assert f"{id_}  in force  P2M" in confirmed.stdout, confirmed
    plan = cora.run("retention", "plan")
    assert "3 of 3 entries are due" in plan.stdout
    assert f"below six months by {id_}" in plan.stdout
    case = ("--name", "case", "--filter", "tool=alpha", "--reason", "a court order")
    held = cora.run("retention", "holds", *case)
    assert "in force" in held.stdout, held
    assert "tool=alpha" in held.stdout
    hold = held.stdout.split()[0]
    assert f"{hold}  in force" in cora.run("retention", "holds").stdout
    assert "2 of 3 entries are due, 1 more are on hold" in cora.run("retention", "plan").stdout
    over = ("--class", "calls", "--reason", "over")
    waiting = cora.run("retention", "requests", "--filter", "tool=beta", *over)
    assert "waiting  1 entries" in waiting.stdout, waiting
    first = waiting.stdout.split()[0]
    turned_down = alan.run("retention", "requests", "--withdraw", first, "--reason", "too few")
    assert f"{first}  withdrawn" in turned_down.stdout, turned_down
    wanted = cora.run("retention", "requests", *over).stdout.split()[0]
    agreed = ("--confirm", wanted, "--reason", "seen")
    assert "403" in cora.run("retention", "requests", *agreed).stderr
    assert (
        f"{wanted}  being carried out  2 entries"
        in alan.run("retention", "requests", *agreed).stdout
    )
    requests = carried_out(cora)
    assert f"{wanted}  carried out  2 entries" in requests.stdout, requests
    assert ", 2 entries gone on 20" in requests.stdout
    assert "class=calls" in requests.stdout
    freed = alan.run("retention", "holds", "--release", hold, "--reason", "it is decided")
    assert f"{hold}  released" in freed.stdout, freed
    ended = cora.run("retention", "exceptions", "--revoke", id_, "--reason", "enough")
    assert f"{id_}  revoked" in ended.stdout, ended
    [row] = map(json.loads, cora.run("retention", "--json", "exceptions").stdout.splitlines())
    assert (row["id"], row["state"]) == (id_, "revoked")
    assert service.stop() == 0
    report = verified(service)
    assert report.returncode == 0, report.stdout
    assert "the exception of log index" in report.stdout


def carried_out(person: Person) -> CompletedProcess[str]:
    """Return the list of requests, once nothing of it is being carried out."""
    until(lambda: "being carried out" not in person.run("retention", "requests").stdout)
    return person.run("retention", "requests")


@requirement("retention.words")
def test_lists_name_holds_to_who_may_reveal_and_says_why(service: Service) -> None:
    cora, alan = Person(service, "cora", "compliance"), Person(service, "alan", "admin")
    cora.run("retention", "holds", "--name", "case", "--reason", "a court order")
    assert "a court order" not in cora.run("retention", "holds").stdout
    revealed = alan.run("retention", "holds", "--reveal", "which case is which")
    assert "placed by 'cora', name 'case', reason 'a court order'" in revealed.stdout, revealed
    assert "403" in cora.run("retention", "holds", "--reveal", "which case is which").stderr


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (("plan", "--confirm", "x", "--reason", "y"), "decides nothing"),
        (("requests", "--reason", "y"), "--class or --filter"),
        (("requests", "--revoke", "x", "--reason", "y"), "--withdraw"),
        (("holds", "--name", "x"), "with a --reason"),
        (("exceptions", "--keep", "P1M"), "--until"),
        (("exceptions", "--confirm", "x"), "--reason"),
        (("exceptions", "--confirm", "x", "--revoke", "y", "--reason", "z"), "--reason"),
        (("holds", "--release", "x", "--reason", "y", "--reveal", "z"), "for lists"),
        (("weather",), "invalid choice"),
    ],
)
def test_options_that_do_not_fit_are_a_usage_error(
    tmp_path: Path, arguments: tuple[str, ...], why: str
) -> None:
    nobody = Service(tmp_path)
    said = nobody.tallystick("retention", "--as", "cora", *arguments)
    assert said.returncode != 0
    assert why in said.stderr


def test_what_the_service_refuses_is_told(service: Service) -> None:
    cora = Person(service, "cora", "compliance")
    stated = ("--keep", "P7M", "--until", "30d", "--reason", "a law")
    refused = cora.run("retention", "exceptions", *stated)
    assert refused.returncode != 0
    assert "no less than the floor" in refused.stderr
    unknown = cora.run("retention", "exceptions", "--confirm", "0" * 32, "--reason", "seen")
    assert "there is none of the exceptions" in unknown.stderr
    said = cora.run("retention", "requests", "--filter", "tool", "--reason", "over")
    assert "expected NAME=PATTERN" in said.stderr
