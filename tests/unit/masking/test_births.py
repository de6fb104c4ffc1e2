"""Dates of birth: taken behind a word or under a key that names them, left alone everywhere else."""

import pytest

from tests.unit.masking.maskers import redacted


@pytest.mark.parametrize(
    "text",
    [
        *(
            "born on {1980-03-12} in Leeds",
            "DOB: {12/03/1980}",
            "Date of birth {12 March 1980}, active",
        ),
        *(
            "geboren am {12.03.1980}",
            "né le {12/03/1980}",
            "nacida el {12-03-1980}",
            "nato il {12/03/80}",
        ),
        *(
            "urodzona {12.03.1980}",
            "född {1980-03-12}",
            "geb. {1. März 1980}",
            "syntynyt {12.3.1980}",
        ),
    ],
)
def test_a_date_behind_a_word_for_a_birth_is_masked(text: str) -> None:
    before, _, rest = text.partition("{")
    _, _, after = rest.partition("}")
    assert redacted(text.replace("{", "").replace("}", "")) == f"{before}[person]{after}"


@pytest.mark.parametrize(
    "text",
    [
        *(
            "created on 1980-03-12",
            "due 12/03/2026",
            "the release of 12 March 2026 was born to be wild",
        ),
        "born 1980-03-12, last seen on 2026-01-02".replace("born", "made"),
    ],
)
def test_any_other_date_stays(text: str) -> None:
    assert redacted(text) == text


def test_only_the_date_next_to_the_word_is_a_birth_date() -> None:
    text = "born 1980-03-12 and last seen on 2026-01-02"
    assert redacted(text) == "born [person] and last seen on 2026-01-02"


@pytest.mark.parametrize(
    "key",
    ["dob", "date_of_birth", "geburtsdatum", "dateNaissance", "fødselsdato", "data_urodzenia"],
)
def test_the_name_of_a_key_is_enough(key: str) -> None:
    assert redacted({key: "1980-03-12"}) == {key: "[person]"}
    assert redacted(f"id: 7\n{key}: '1980-03-12'\n") == f"id: 7\n{key}: '[person]'\n"
