"""Patches go in where the target is what we expect; whatever is in the way is said in words."""

import importlib
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tallystick.instrument.framework import Framework
from tallystick.instrument.patch import Patch

LIBRARY = """
class Server:
    def __init__(self, name):
        self.name = name

    def answer(self, question, *, loud=False):
        return f"{self.name}: {question}"

def module_function(x):
    return x
"""
Patches = Callable[..., Framework]


@pytest.fixture
def library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A package that can be imported, and is forgotten again."""
    name = "library_to_hook"
    (tmp_path / name).mkdir()
    (tmp_path / name / "__init__.py").touch()
    (tmp_path / name / "server.py").write_text(LIBRARY, encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    yield name
    for module in (name, f"{name}.server"):
        sys.modules.pop(module, None)


def shout(
    wrapped: Callable[..., str], instance: object, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> str:
    return wrapped(*args, **kwargs).upper()


def hooked(library: str, *patches: Patch) -> Framework:
    framework = Framework("library", "tallystick", lambda _: patches)
    framework.install(lambda: None)
    return framework


def patch(library: str, target: str = "Server.answer", **settings: Any) -> Patch:
    return Patch(f"{library}.server", target, shout, "answers", **settings)


def ask(library: str) -> str:
    return str(importlib.import_module(f"{library}.server").Server("s").answer("why"))


def test_a_patch_waits_for_the_import_and_imports_nothing(library: str) -> None:
    framework = hooked(library, patch(library, expects=("question",)))
    assert framework.state() == "skipped: not imported"
    assert library not in sys.modules
    assert ask(library) == "S: WHY"
    assert framework.state() == "active 0.1.0 (answers)"


def test_a_module_that_is_loaded_is_patched_at_once(library: str) -> None:
    assert ask(library) == "s: why"
    hooked(library, patch(library))
    assert ask(library) == "S: WHY"


def test_what_is_taken_out_is_out_and_can_be_put_in_again(library: str) -> None:
    framework = hooked(library, patch(library))
    ask(library)
    original = importlib.import_module(f"{library}.server").Server.answer.__wrapped__
    framework.uninstall()
    assert ask(library) == "s: why"
    assert vars(importlib.import_module(f"{library}.server").Server)["answer"] is original
    assert framework.state() == "skipped: not instrumented"
    framework.install(lambda: None)
    assert ask(library) == "S: WHY"


def test_a_second_install_changes_nothing(library: str) -> None:
    framework = hooked(library, patch(library))
    ask(library)
    server = importlib.import_module(f"{library}.server").Server
    wrapped = vars(server)["answer"]
    framework.install(lambda: None)
    assert vars(server)["answer"] is wrapped


def test_a_target_that_was_renamed_is_named(library: str) -> None:
    framework = hooked(library, patch(library, "Server.respond"))
    assert ask(library) == "s: why"
    assert framework.state() == f"FAILED: {library}.server.Server.respond does not exist"


def test_a_class_that_was_renamed_is_named(library: str) -> None:
    framework = hooked(library, patch(library, "LowLevelServer.answer"))
    ask(library)
    assert "LowLevelServer.answer does not exist" in framework.state()


def test_a_parameter_that_was_renamed_is_named(library: str) -> None:
    framework = hooked(library, patch(library, expects=("query",)))
    assert ask(library) == "s: why"
    assert framework.state().startswith("FAILED: ")
    assert "has no parameter query" in framework.state()


def test_a_module_that_was_moved_is_named_once_the_package_is_used(library: str) -> None:
    moved = Patch(f"{library}.lowlevel.server", "Server.answer", shout, "answers")
    framework = hooked(library, moved)
    assert framework.state() == "skipped: not imported"
    importlib.import_module(library)
    assert framework.state() == f"FAILED: module {library}.lowlevel.server does not exist"
    assert f"{library}.server" not in sys.modules


def test_a_hook_without_effect_is_taken_out_and_named(library: str) -> None:
    framework = hooked(library, patch(library, check=lambda _: "nobody calls it"))
    assert ask(library) == "s: why"
    assert framework.state() == "FAILED: nobody calls it"


def test_a_check_that_fails_by_itself_breaks_nothing(library: str) -> None:
    def check(module: object) -> str | None:
        raise KeyError("secret value")

    framework = hooked(library, patch(library, check=check))
    assert ask(library) == "s: why"
    assert "KeyError" in framework.state()
    assert "secret value" not in framework.state()


def test_an_optional_patch_that_is_missing_is_said_and_does_no_harm(library: str) -> None:
    optional = patch(library, "Server.whisper", is_needed=False)
    framework = hooked(library, patch(library), optional)
    assert ask(library) == "S: WHY"
    assert framework.state().startswith("active 0.1.0 (answers); without: ")
    assert "Server.whisper does not exist" in framework.state()


def test_a_framework_that_is_not_installed_is_skipped() -> None:
    framework = Framework("x", "no-such-distribution-anywhere", lambda _: ())
    framework.install(lambda: None)
    assert framework.state() == "skipped: not installed"


def test_module_functions_can_be_patched(library: str) -> None:
    hooked(library, Patch(f"{library}.server", "module_function", shout, "functions"))
    assert importlib.import_module(f"{library}.server").module_function("a") == "A"


def test_somebody_elses_later_wrapper_is_left_in_place(library: str) -> None:
    framework = hooked(library, patch(library))
    server = importlib.import_module(f"{library}.server").Server
    ours = vars(server)["answer"]

    def theirs(self: Any, question: str) -> str:
        return f"({ours.__get__(self, server)(question)})"

    server.answer = theirs
    framework.uninstall()
    assert vars(server)["answer"] is theirs


def test_a_fault_in_a_hook_is_counted_and_its_text_is_not_shown() -> None:
    framework = Framework("x", "tallystick", lambda _: ())
    framework.install(lambda: None)

    def work() -> None:
        raise ValueError("ada@example.com")

    assert framework.safely(work) is None
    assert "1 errors in hooks, last: ValueError at test_framework.py" in framework.fault_note()
    assert "ada@example.com" not in framework.fault_note()
