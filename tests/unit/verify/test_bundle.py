"""verify.py is made by joining modules; modules that cannot stand in one file are refused."""

import ast
import sys

import pytest

from tallystick.errors import VerificationError
from tallystick.verify.bundle import bundle, join_modules
from tests.requirements import requirement


@requirement("verify.standard-library")
def test_the_joined_file_imports_the_standard_library_alone() -> None:
    guarded = {"orjson", "cryptography"}
    for node in ast.walk(ast.parse(bundle())):
        if isinstance(node, ast.Import):
            modules = {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            modules = {str(node.module)}
        else:
            continue
        roots = {module.partition(".")[0] for module in modules}
        assert roots <= sys.stdlib_module_names | guarded


def test_the_joined_file_says_what_it_is_and_holds_every_module_once() -> None:
    text = bundle()
    assert text.startswith("#!/usr/bin/env python3\n")
    assert "3.11 or later" in text
    assert "import tallystick" not in text
    for module in ("errors", "profile", "event", "tlog.tree", "verify.verifier"):
        assert text.count(f"# ======== tallystick.{module}\n") == 1
    assert "tallystick.verify.live" not in text
    assert text.index("tallystick.tlog.tree\n") < text.index("tallystick.verify.verifier\n")
    compile(text, "verify.py", "exec")


def test_the_same_sources_give_the_same_file() -> None:
    first = bundle()
    bundle.cache_clear()
    assert bundle() == first


def joined(**sources: str) -> str:
    return join_modules({f"tallystick.{name}": source for name, source in sources.items()})


def test_imports_are_gathered_and_docstrings_become_comments() -> None:
    text = joined(
        a='"""What a is."""\nimport re\nfrom typing import Final\nX: Final = 1\n',
        b="import re\nfrom typing import Any\nfrom tallystick.a import X\n\ndef f(): return X\n",
    )
    assert text.count("import re\n") == 1
    assert "from typing import Any, Final\n" in text
    assert "# What a is.\n" in text
    assert "tallystick.a import" not in text
    ast.parse(text)


@pytest.mark.parametrize(
    ("one", "two", "name"),
    [
        ("X = 1", "X = 2", "X"),
        ("def f(): ...", "class f: ...", "f"),
        ("X: int = 1", "def X(): ...", "X"),
        ("a, (b, *c) = X", "c = 1", "c"),
        ("import re", "re = 1", "re"),
        ("from typing import Any", "Any = 1", "Any"),
        ("from typing import Any", "from other import Any", "Any"),
        ("import json as x", "import re as x", "x"),
        ("try:\n    import orjson as x\nexcept ImportError:\n    x = None", "x = 1", "x"),
        ("if X:\n    y = 1", "y = 2", "y"),
    ],
)
def test_two_meanings_of_one_name_are_refused(one: str, two: str, name: str) -> None:
    with pytest.raises(VerificationError, match=f"^{name} means .*: rename one"):
        joined(a=one, b=two)


@pytest.mark.parametrize(
    ("one", "two"),
    [
        ("import re", "import re"),
        ("X = [name for name in ()]", "name = 1"),
        ("def f():\n    x = 1", "x = 2"),
        ("class A:\n    x = 1", "x = 2"),
        ("a.x = 1", "x = 2"),
    ],
)
def test_names_of_other_scopes_do_not_collide(one: str, two: str) -> None:
    ast.parse(joined(a=one, b=two))


@pytest.mark.parametrize(
    "source",
    [
        "import tallystick.event",
        "import tallystick",
        "from tallystick.event import Record as R",
    ],
)
def test_a_module_of_ours_is_imported_by_whole_names(source: str) -> None:
    with pytest.raises(VerificationError, match="import whole names"):
        joined(a=source)
