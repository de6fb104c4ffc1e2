"""National identity numbers: each country's spellings, their checks, and what only looks like one."""

import pytest

from tests.unit.masking.maskers import redacted

STRONG = (
    *("36574261809", "36 574 261 809", "65170839J003"),  # DE
    *("295109912611193", "2 95 10 99 126 111 93", "253072B07300470"),  # FR
    *("RCCMNL83S18D969H", "rccmnl83s18d969h"),  # IT
    *("54362315K", "54362315-K", "X2482300W", "X-2482300-W", "54.362.315-K"),  # ES
    "44051401359",  # PL
    *("85.07.30-033.28", "85073003328"),  # BE
    *("880320-0016", "19880320-0016", "880320+0016"),  # SE
    *("211062-5629", "131052-308T", "131052A308T"),  # DK, FI
    *(
        "710319/2745",
        "2630615123459",
        "15108695088",
        "756.9217.0769.85",
        "01013099997",
    ),  # CZ RO NO CH GR
    "1112.22.333",  # NL
)
NAMED = (
    *("BSN 111222333", "bsn: 111222333", "NIF 501 964 843".replace("501 964 843", "123456789")),
    *("PPS No. 6433435F", "PPSN 6433435IH", "SV-Nr. 1237 010180", "CPR 2110625629"),
    *("NHS number 9434765919", "OIB 33392005961", "personnummer 8803200016"),
)


@pytest.mark.parametrize("number", STRONG)
def test_a_number_that_shows_what_it_is_is_masked_wherever_it_stands(number: str) -> None:
    for text in (number, f"customer {number}, active", f"x=1&who={number}&y=2"):
        assert redacted(text) == text.replace(number, "[national_id]")


@pytest.mark.parametrize("text", NAMED)
def test_a_number_that_others_could_be_needs_its_name_before_it(text: str) -> None:
    assert str(redacted(f"ask for {text} now")).count("[national_id]") == 1
    bare = text.split(" ", 2 if "No." in text or "number" in text else 1)[-1]
    assert redacted(f"value {bare} now") == f"value {bare} now"


@pytest.mark.parametrize(
    "text",
    [
        *("36574261808", "295109912611194", "RCCMNL83S18D969X", "54362315A", "44051401358"),
        *("85.07.30-033.29", "19880320-0017", "131052-308U", "710319/2746", "999999-9999"),
        *("order no. 44051401359", "ref: 36574261809", "ORD-54362315K", "1.44051401359"),
        *("20261122-1059", "backup-20261122-1059.tar", "build 44051401359", "#44051401359"),
    ],
)
def test_what_fails_its_check_or_is_a_piece_of_something_else_stays(text: str) -> None:
    assert "[national_id]" not in str(redacted(text))


@pytest.mark.parametrize(
    "key",
    [
        *("bsn", "nif", "dni", "pesel", "steuerId", "codice_fiscale", "rodné_číslo", "PPSNumber"),
        *("numero_securite_sociale", "henkilötunnus", "fødselsnummer", "nhs_number", "taxId"),
    ],
)
def test_the_name_of_a_key_is_enough_for_what_could_be_a_number(key: str) -> None:
    assert redacted({key: "12-3456-7"}) == {key: "[national_id]"}


def test_short_words_of_other_languages_are_no_names_of_numbers_for_themselves() -> None:
    values = {"dni": 30, "nie": "tak", "avs": "on", "cf": "see below"}
    assert redacted(values) == values


def test_a_number_under_the_name_of_another_kind_keeps_that_kind() -> None:
    assert redacted({"phone": 48692572654}) == {"phone": "[phone]"}


def test_a_word_speaks_of_the_next_number_only() -> None:
    text = "bsn 111222333 in row (123456782)"
    assert redacted(text) == "bsn [national_id] in row (123456782)"
    assert redacted("bsn 111222333, 123456782") == "bsn [national_id], [national_id]"
