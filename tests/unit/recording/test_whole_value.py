"""Large values: masked whole by the rules in force, kept once, and an absence that says why."""

import json
from collections.abc import Callable
from dataclasses import replace

import pytest

from tallystick.blob import BlobRef, parse_blob
from tallystick.errors import SpoolError
from tallystick.event import Draft, Record
from tallystick.masking import Masker, MaskPolicy, Mode, default_policy
from tallystick.masking.paths import parse_path
from tallystick.masking.rules import FieldRule
from tallystick.recording.masked import Masking
from tallystick.recording.printer import Printer
from tallystick.recording.whole_value import Large, WholeValues
from tests.emitters import TOKEN_KEY
from tests.recorded import disclosed
from tests.requirements import requirement

MAIL = "zebulon.quirk@canary-mail.example"
MASKER = Masker(default_policy(), b"k" * 32, "test")


class Keeper:
    """Keeps blobs in memory."""

    def __init__(self, error: Exception | None = None) -> None:
        self.error = error
        self.blobs: list[bytes] = []

    def keep(self, content: bytes) -> BlobRef:
        if self.error is not None:
            raise self.error
        self.blobs.append(content)
        return BlobRef(f"{len(self.blobs):064x}", len(content))


def large(value: object, digest: str = "d", size_bytes: int = 100, **more: str) -> Large:
    named = {"field": "result", "tool": "lookup", **more}
    return Large(value, named["field"], named["tool"], size_bytes, digest)


@requirement("sdk.large-values")
def test_the_blob_is_the_whole_masked_value_with_sorted_keys() -> None:
    keeper = Keeper()
    kept = WholeValues(keeper, 1000).keep(MASKER, large({"b": MAIL, "a": [1, 2.5]}))
    [content] = keeper.blobs
    assert content.startswith(b'{"a":[1,2.5],"b":"[email:')
    assert kept.hits == {"email": 1}
    assert parse_blob(kept.text) == BlobRef(f"{1:064x}", len(content))


@requirement("sdk.large-values")
def test_values_beyond_the_limits_of_ordinary_masking_are_masked_whole() -> None:
    keeper = Keeper()
    value = {"text": "plain words here. " * 70_000 + MAIL, "many": list(range(30_000))}
    assert MASKER.mask(value).value != value
    kept = WholeValues(keeper, 4_000_000).keep(MASKER, large(value, size_bytes=1_500_000))
    shown = json.loads(keeper.blobs[0])
    assert shown["many"] == value["many"]
    assert shown["text"].startswith("plain words here. ")
    assert MAIL not in shown["text"]
    assert kept.hits == {"email": 1}


@requirement("sdk.large-values")
def test_a_value_above_the_limit_is_absent_and_not_looked_at() -> None:
    keeper = Keeper()
    kept = WholeValues(keeper, 99).keep(MASKER, large(object()))
    assert (kept.text, kept.hits, keeper.blobs) == ('{"absent":"too_large"}', {}, [])


def test_a_masked_value_above_the_limit_of_all_blobs_is_absent(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("tallystick.recording.whole_value.MAX_BLOB_BYTES", 3)
    kept = WholeValues(Keeper(), 1000).keep(MASKER, large([1, 2, 3]))
    assert kept.text == '{"absent":"too_large"}'


def test_a_value_of_too_many_parts_for_its_limit_is_absent() -> None:
    keeper = Keeper()
    kept = WholeValues(keeper, 1000).keep(MASKER, large([0] * 5000))
    assert (kept.text, kept.hits) == ('{"absent":"unmaskable"}', {"withheld": 1})
    assert keeper.blobs == []


@requirement("sdk.large-values")
@pytest.mark.parametrize("error", [SpoolError("full"), OSError(28, "no space")])
def test_where_there_is_no_room_that_is_said_and_tried_again(
    error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    keeper = Keeper(error)
    values = WholeValues(keeper, 1000)
    assert values.keep(MASKER, large([1])).text == '{"absent":"no_room"}'
    assert "preview only" in caplog.text
    keeper.error = None
    assert parse_blob(values.keep(MASKER, large([1])).text) is not None


def test_the_same_value_is_masked_once_and_another_place_of_it_again() -> None:
    keeper = Keeper()
    values = WholeValues(keeper, 1000)
    first = values.keep(MASKER, large([1]))
    assert values.keep(MASKER, large([1])) is first
    values.keep(MASKER, large([1], field="params"))
    values.keep(MASKER, large([1], tool="other"))
    values.keep(Masker(default_policy()), large([1]))
    assert len(keeper.blobs) == 4


def test_only_so_many_values_are_remembered() -> None:
    keeper = Keeper()
    values = WholeValues(keeper, 1000)
    for number in range(20):
        values.keep(MASKER, large([number], digest=str(number)))
    values.keep(MASKER, large([0], digest="0"))
    assert len(keeper.blobs) == 21


def printer(keeper: Keeper) -> Printer:
    values = WholeValues(keeper, 100_000)
    return Printer(Masking.of(TOKEN_KEY), 1024, whole_values=values)


@requirement("sdk.large-values")
def test_a_record_names_the_blob_beside_its_preview() -> None:
    keeper = Keeper()
    draft = Draft(
        "tool.completed", {"tool.name": "x"}, {"result": {"t": "word " * 9000, "m": MAIL}}
    )
    record = printer(keeper).print_record(draft, 7)
    values = disclosed(record)
    assert len(values["result"]) < 20_000
    ref = parse_blob(values["result.blob"])
    assert ref is not None
    assert ref.size_bytes == len(keeper.blobs[0])
    assert json.loads(keeper.blobs[0])["t"] == "word " * 9000
    assert record.statement["result.truncated"] is True
    assert record.statement["mask.hits"]["result.blob:email"] == 1


def test_a_small_value_has_no_blob() -> None:
    keeper = Keeper()
    record = printer(keeper).print_record(Draft("tool.completed", {}, {"result": "small"}), 7)
    assert "result.blob" not in disclosed(record)
    assert keeper.blobs == []


def printed(value: object, masking: Masking | None = None) -> tuple[Record, Keeper]:
    keeper = Keeper()
    values = WholeValues(keeper, 1_000_000)
    made = Printer(masking or Masking.of(TOKEN_KEY), 262_144, whole_values=values)
    return made.print_record(Draft("tool.completed", {}, {"result": value}), 7), keeper


@requirement("sdk.large-values")
@pytest.mark.parametrize("wrap", [lambda many: many, lambda many: {"rows": many, "n": 1}])
def test_a_value_of_more_parts_than_a_record_is_masked_by_is_kept_whole(
    wrap: Callable[[list[int]], object],
) -> None:
    value = wrap(list(range(30_000)))
    record, keeper = printed(value)
    assert record.statement["result.truncated"] is True
    assert record.statement["mask.hits"] == {"result:withheld": 1}
    assert parse_blob(disclosed(record)["result.blob"]) is not None
    assert json.loads(keeper.blobs[0]) == value


@pytest.mark.parametrize(
    "policy",
    [
        replace(default_policy(), rules=(FieldRule(parse_path("$.rows"), Mode.WITHHOLD),)),
        default_policy().with_mode("email", Mode.WITHHOLD),
    ],
    ids=["place", "kind"],
)
def test_what_a_rule_withholds_is_withheld_and_no_blob_is_made_of_it(policy: MaskPolicy) -> None:
    record, keeper = printed({"rows": f"write to {MAIL}"}, Masking.of(TOKEN_KEY, policy))
    assert "result.truncated" not in record.statement
    assert "withheld" in disclosed(record)["result"]
    assert keeper.blobs == []
