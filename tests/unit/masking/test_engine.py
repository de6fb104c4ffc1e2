"""One call masks a value, counts what it found, and remembers nothing that it masked."""

import threading
from typing import Any

from tallystick.masking import Masked, Masker
from tallystick.masking.keys import PLAIN
from tests.unit.masking.maskers import KEY, MASKER, POLICY

CUSTOMER = {
    "id": 7,
    "name": "Jane Doe",
    "email": "jane@example.com",
    "notes": "call 07700 900123 or jane@example.com, card 4111 1111 1111 1111",
    "nino": "QQ 12 34 56 C",
    "api_key": "anything",
}


def test_the_ledger_counts_each_kind() -> None:
    hits = MASKER.mask(CUSTOMER).hits
    assert hits == {"person": 1, "email": 2, "phone": 1, "card": 1, "uk_nino": 1, "secret": 1}


def test_the_original_is_left_as_it_was() -> None:
    before = repr(CUSTOMER)
    MASKER.mask(CUSTOMER)
    assert repr(CUSTOMER) == before


def test_hits_inside_json_and_base64_are_counted_once() -> None:
    assert MASKER.mask('{"a": "jane@example.com", "b": "amFuZUBleGFtcGxlLmNvbQ=="}').hits == {
        "email": 2
    }
    assert MASKER.mask("x=%41&b=amFuZUBleGFtcGxlLmNvbQ").hits == {"email": 1}


def test_free_text_is_masked_as_text() -> None:
    assert MASKER.mask_text("no row for jane@example.com").hits == {"email": 1}
    assert MASKER.mask_text("") == Masked("", {})


def test_masking_twice_changes_nothing_and_finds_nothing() -> None:
    once = MASKER.mask(CUSTOMER)
    assert MASKER.mask(once.value) == Masked(once.value, {})


def test_git_output_keeps_all_but_the_address() -> None:
    log = (
        "Commit: 9f730f2a07700900123f730f2a9f730f2a9f730f\nAuthor: Jane Doe <jane@example.org>\n"
        "Date: 2026-11-22T10:00:00+00:00\nMessage: bump to 1.20.300 (#1234)\n"
    )
    masked = Masker(POLICY).mask(log).value
    assert masked == log.replace("jane@example.org", "[email]")


def test_only_clean_texts_are_remembered_and_not_without_end() -> None:
    masker = Masker(POLICY, KEY, "k1")
    for number in range(20_000):
        masker.mask(
            {"clean": f"row-{number}x: ok", "mail": f"jane{number}@example.com", f"k{number}": 1}
        )
    memory = masker._lens.texts._memory  # noqa: SLF001  # what stays in memory is the point
    remembered = [text for _, text in memory.clean]
    assert "jane" not in repr([memory._shapes, memory.masked])  # noqa: SLF001
    assert 0 < len(memory.masked) <= 8192
    shapes: list[Any] = list(masker._lens.shapes)  # noqa: SLF001
    assert 0 < len(remembered) <= 8192
    assert len(shapes) <= 1024
    assert not any("@" in text for text in [*remembered, *map(str, shapes)])


def test_the_shape_of_an_identifier_that_comes_back_is_known() -> None:
    masker = Masker(POLICY)
    for number in range(3):
        assert masker.mask(f"ord_20261101_{number:05d}_7").hits == {}
    memory = masker._lens.texts._memory  # noqa: SLF001  # what stays in memory is the point
    assert memory._shapes == {(PLAIN, b"ord_00000000_00000_0"): True}  # noqa: SLF001


def test_two_policies_share_no_memory() -> None:
    first, second = Masker(POLICY), Masker(POLICY.with_mode("ip", POLICY.mode("card")))
    assert first.mask("host 10.0.0.1").value == "host 10.0.0.1"
    assert second.mask("host 10.0.0.1").value == "host [ip]"


def test_threads_share_one_masker() -> None:
    masker = Masker(POLICY, KEY, "k1")
    expected = masker.mask(CUSTOMER)
    results: list[Masked] = []

    def work() -> None:
        results.extend(masker.mask(CUSTOMER) for _ in range(50))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [expected] * 200


def test_keys_judged_by_each_other_are_judged_alike_when_they_come_back() -> None:
    masker = Masker(POLICY)
    person = {"name": "Ada Clarke", "email": "ada@example.org"}
    thing = {"name": "Ada Clarke", "version": "2"}
    for _ in range(2):
        assert masker.mask([person, thing]).value == [
            {"name": "[person]", "email": "[email]"},
            thing,
        ]


def test_keys_judged_by_their_values_are_judged_anew_when_they_come_back() -> None:
    masker = Masker(POLICY)
    named = [{"key": "password", "value": "sunshine"}, {"key": "colour", "value": "sunshine"}]
    expected = [{"key": "password", "value": "[secret]"}, named[1]]
    assert masker.mask(named).value == expected
    assert masker.mask(list(reversed(named))).value == list(reversed(expected))


def test_keys_below_one_that_covers_them_do_not_borrow_what_is_known_of_them_elsewhere() -> None:
    masker = Masker(POLICY)
    place = {"name": "warehouse", "count": 3}
    assert masker.mask({"depot": place}).value == {"depot": place}
    covered = masker.mask({"address": place}).value
    assert masker.mask({"depot": place}).value == {"depot": place}
    assert covered == Masker(POLICY).mask({"address": place}).value
