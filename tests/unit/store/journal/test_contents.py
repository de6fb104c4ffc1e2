"""Groups as bytes: the rows that went in come out, and nothing that no table has."""

import pyarrow as pa
import pytest

from tallystick.errors import StoreError
from tallystick_store.journal.contents import Tables, decode_tables, encode_tables
from tallystick_store.schema import LATE_DISCLOSURES, META, row_batch

LATE = row_batch(LATE_DISCLOSURES, [(7, "a line"), (8, "ärger ☃")])


def test_rows_come_back_as_they_were() -> None:
    found = decode_tables(memoryview(encode_tables({"late_disclosures": LATE})))
    assert found == {"late_disclosures": LATE}
    assert decode_tables(memoryview(encode_tables({}))) == {}


@pytest.mark.parametrize(
    "tables",
    [
        {"meta": row_batch(META, [("schema", "9")])},
        {"no such table": LATE},
        {"late_disclosures": pa.table({"log_index": pa.array(["text"])})},
        {"late_disclosures": pa.table({"other": pa.array([1])})},
    ],
    ids=["another-table", "no-table", "another-type", "another-column"],
)
def test_rows_that_no_group_holds_are_refused(tables: Tables) -> None:
    with pytest.raises(StoreError, match="that no table has"):
        decode_tables(memoryview(encode_tables(tables)))


@pytest.mark.parametrize(
    "payload",
    [b"", b"[]\n", b"\xff\n", b'{"late_disclosures":9}\n', b'{"late_disclosures":"a"}\nxx'],
)
def test_bytes_that_are_no_group_are_refused(payload: bytes) -> None:
    with pytest.raises(StoreError, match="cannot be read"):
        decode_tables(memoryview(payload))
