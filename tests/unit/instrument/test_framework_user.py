"""The user in a context of any form, and who counts when somebody else is named too."""

import pytest

from tallystick.capture.identity import Identity, Principal
from tallystick.instrument.framework_user import said_by_framework, user_of
from tests.requirements import requirement


class Person:
    def __init__(self, user_id: object) -> None:
        self.user_id = user_id


@pytest.mark.parametrize("given", [Person("ada"), {"user_id": "ada"}])
def test_a_mapping_and_an_object_may_name_the_user(given: object) -> None:
    assert user_of(given) == "ada"


def test_a_number_is_an_id() -> None:
    assert user_of({"user_id": 0}) == "0"


NO_IDS: list[object] = [None, "", True, {}, ["ada"], 1.5]


@pytest.mark.parametrize(
    "given",
    [
        None,
        "ada",
        {},
        {"user": "ada"},
        *({"user_id": one} for one in NO_IDS),
    ],
)
def test_nothing_else_is_one(given: object) -> None:
    assert user_of(given) is None


def test_a_long_id_is_cut() -> None:
    assert len(user_of({"user_id": "a" * 5000}) or "") == 1024


@requirement("sdk.framework-user")
def test_who_is_named_already_stays() -> None:
    known = Identity(Principal("grace", basis="authenticated", auth_method="bearer"))
    assert said_by_framework(known, "ada") is known
    assert said_by_framework(Identity(), None).principal.basis == "unknown"
    assert said_by_framework(Identity(), "ada").principal == Principal(
        "ada", basis="asserted", auth_method="framework"
    )
