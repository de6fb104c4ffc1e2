"""The README's table and the cases are the same."""

import re
from pathlib import Path

HERE = Path(__file__).parent
CASE = re.compile(r'@case\(\s*"([^"]+)"')


def test_every_case_stands_in_the_table_and_every_row_is_a_case() -> None:
    stated = [
        name for path in sorted(HERE.glob("test_*.py")) for name in CASE.findall(path.read_text())
    ]
    rows = re.findall(r"(?m)^\| `([^`]+)` \|", (HERE / "README.md").read_text())
    assert len(stated) >= 60
    assert sorted(rows) == sorted(stated)
