"""The floors of the house: no import points upward, and heavy packages stay in their room."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.requirements import requirement

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = {
    "tallystick": ROOT / "sdk" / "tallystick",
    "tallystick_store": ROOT / "store" / "tallystick_store",
    "tallystick_ingest": ROOT / "ingest" / "tallystick_ingest",
    "tallystick_dashboard": ROOT / "dashboard" / "tallystick_dashboard",
}
MAY_IMPORT = {
    "tallystick": set[str](),
    "tallystick_store": {"tallystick"},
    "tallystick_ingest": {"tallystick", "tallystick_store"},
    "tallystick_dashboard": {"tallystick"},  # everything else comes over the service's API
}
ROOMS = {"duckdb": "tallystick_store", "streamlit": "tallystick_dashboard"}
FRAMEWORKS = {
    "agents": "openai_agents",
    "crewai": "crewai",
    "fastmcp": "fastmcp",
    "langchain": "langchain",
    "langchain_core": "langchain",
    "langgraph": "langchain",
    "llama_index": "llama_index",
    "mcp": "mcp",
    "mcp_types": "mcp",
    "pydantic_ai": "pydantic_ai",
    "smolagents": "smolagents",
}
"""Import name of a framework -> the file or folder of sdk/tallystick/instrument/ it belongs to."""

SDK_ROOMS = (
    ("instrument", "pipeline", "verify"),
    ("capture",),
    ("tracing",),
    ("shipping",),
    ("recording",),
    ("masking", "spool", "tlog", "tooldef"),
)
"""The folders of the SDK, floor by floor: one imports those of lower floors, never a neighbour."""

FLOOR_OF = {room: floor for floor, rooms in enumerate(SDK_ROOMS) for room in rooms}

BARE = ("tlog", "verify", "event")
"""Parts of the SDK that work with the standard library alone, with all that they import."""

GUARDED = {"certifi", "cryptography", "orjson"}
"""What those parts may use where it is installed: imported inside a `try`."""

HEAVY = {
    *{"duckdb", "fastapi", "fastmcp", "grpc", "mcp", "pandas", "polars", "pyarrow", "pydantic"},
    *{"starlette", "streamlit", "tallystick_ingest", "tallystick_store", "typst", "uvicorn"},
}


@dataclass(frozen=True, slots=True)
class Import:
    """One imported module, and under which condition it is imported."""

    module: str
    names: tuple[str, ...]
    line: int
    is_deferred: bool
    """Inside a function, or for the type checker alone: does not run when the file loads."""
    is_guarded: bool
    """Inside a `try`: its absence is expected."""

    @property
    def distribution(self) -> str:
        return self.module.partition(".")[0]


def python_files(folder: Path) -> list[Path]:
    return sorted(folder.rglob("*.py"))


def module_name(file: Path, package: str) -> str:
    parts = file.relative_to(PACKAGES[package].parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports(source: str, module: str, *, is_package: bool = False) -> list[Import]:
    """List every import of a file, relative ones resolved, wherever it stands."""
    home = module if is_package else module.rpartition(".")[0]
    return list(_walk(ast.parse(source), home, is_deferred=False, is_guarded=False))


def _walk(node: ast.AST, home: str, *, is_deferred: bool, is_guarded: bool) -> Iterator[Import]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Import):
            for alias in child.names:
                yield Import(alias.name, (), child.lineno, is_deferred, is_guarded)
        elif isinstance(child, ast.ImportFrom):
            names = tuple(alias.name for alias in child.names)
            yield Import(_source(child, home), names, child.lineno, is_deferred, is_guarded)
        else:
            yield from _walk(
                child,
                home,
                is_deferred=is_deferred or _defers(child),
                is_guarded=is_guarded or isinstance(child, ast.Try),
            )


def _source(node: ast.ImportFrom, home: str) -> str:
    if not node.level:
        return node.module or ""
    parts = home.split(".")
    parent = ".".join(parts[: len(parts) - node.level + 1])
    return f"{parent}.{node.module}" if node.module else parent


def _defers(node: ast.AST) -> bool:
    if isinstance(node, ast.If):
        return "TYPE_CHECKING" in ast.unparse(node.test)
    return isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)


def imports_of(file: Path, package: str) -> list[Import]:
    source = file.read_text(encoding="utf-8")
    return imports(source, module_name(file, package), is_package=file.name == "__init__.py")


def layer_faults(package: str, found: list[Import]) -> list[str]:
    allowed = MAY_IMPORT[package] | {package}
    return [
        f"line {one.line}: {package} imports {one.module}"
        for one in found
        if one.distribution in PACKAGES and one.distribution not in allowed
    ]


def room_faults(package: str, found: list[Import]) -> list[str]:
    return [
        f"line {one.line}: only {ROOMS[one.distribution]} imports {one.distribution}"
        for one in found
        if ROOMS.get(one.distribution, package) != package
    ]


def sdk_room(module: str) -> str | None:
    """Name the folder of the SDK that holds a module; None for the ground that all share."""
    parts = module.split(".")
    return parts[1] if parts[0] == "tallystick" and parts[1:2] and parts[1] in FLOOR_OF else None


def floor_faults(module: str, found: list[Import]) -> list[str]:
    """A room of the SDK imports lower rooms alone, whatever the ground between them does."""
    room = sdk_room(module)
    if room is None:
        return []
    faults = []
    for one in found:
        targets = {sdk_room(name) for name in submodules(one)} - {None, room}
        above = {name for name in targets if name and FLOOR_OF[name] <= FLOOR_OF[room]}
        faults += [f"line {one.line}: {room} imports {name}" for name in sorted(above)]
    return faults


def framework_faults(package: str, module: str, found: list[Import]) -> list[str]:
    """A framework belongs to one file of the SDK, which must load without it."""
    faults = []
    for one in found:
        owner = FRAMEWORKS.get(one.distribution)
        if owner is None:
            continue
        if package != "tallystick" or not module.startswith(f"tallystick.instrument.{owner}"):
            faults.append(f"line {one.line}: only instrument/{owner}.py imports {one.module}")
        elif not one.is_deferred:
            faults.append(f"line {one.line}: {one.module} is imported when the file loads")
    return faults


def bare_faults(found: list[Import]) -> list[str]:
    return [
        f"line {one.line}: imports {one.module}"
        for one in found
        if one.distribution not in sys.stdlib_module_names | {"tallystick"}
        and not (one.distribution in GUARDED and one.is_guarded)
    ]


def submodules(one: Import) -> list[str]:
    """Name the SDK modules that an import loads: `from tallystick import tlog` loads the latter."""
    below = [f"{one.module}.{name}" for name in one.names if sdk_file(f"{one.module}.{name}")]
    return below if below and one.module == "tallystick" else [one.module, *below]


def sdk_file(module: str) -> Path | None:
    base = ROOT.joinpath("sdk", *module.split("."))
    candidates = (base.with_suffix(".py"), base / "__init__.py")
    return next((file for file in candidates if file.is_file()), None)


def bare_modules() -> dict[str, list[Import]]:
    """Collect the bare parts of the SDK and every SDK module that they lead to."""
    waiting = [
        module_name(file, "tallystick")
        for file in python_files(PACKAGES["tallystick"])
        if file.relative_to(PACKAGES["tallystick"]).with_suffix("").parts[0] in BARE
    ]
    reached: dict[str, list[Import]] = {}
    while waiting:
        module = waiting.pop()
        file = sdk_file(module)
        if module in reached or file is None:
            continue
        reached[module] = imports_of(file, "tallystick")
        for one in reached[module]:
            if one.distribution == "tallystick":
                waiting += submodules(one)
    return reached


ALL_FILES = [
    pytest.param(package, file, id=str(file.relative_to(ROOT)))
    for package, folder in PACKAGES.items()
    for file in python_files(folder)
]


@requirement("project.layers")
@pytest.mark.parametrize(("package", "file"), ALL_FILES)
def test_imports_point_down_and_heavy_packages_stay_in_their_room(package: str, file: Path) -> None:
    found = imports_of(file, package)
    module = module_name(file, package)
    faults = layer_faults(package, found) + room_faults(package, found)
    faults += floor_faults(module, found)
    assert faults + framework_faults(package, module, found) == []


@pytest.mark.parametrize("package", PACKAGES)
def test_every_package_is_looked_at(package: str) -> None:
    assert PACKAGES[package] / "__init__.py" in [param.values[1] for param in ALL_FILES]


@requirement("verify.standard-library")
def test_what_verifies_needs_the_standard_library_alone() -> None:
    faults = {module: bare_faults(found) for module, found in bare_modules().items()}
    assert {module: found for module, found in faults.items() if found} == {}


@requirement("sdk.light")
def test_the_sdk_loads_without_a_framework_a_server_or_a_database() -> None:
    program = "import sys, tallystick; print(*{name.partition('.')[0] for name in sys.modules})"
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)
    assert HEAVY & set(run.stdout.decode().split()) == set()


@pytest.mark.parametrize(
    ("package", "source", "fault"),
    [
        ("tallystick", "import tallystick_store", "tallystick imports tallystick_store"),
        ("tallystick_store", "from tallystick_ingest.app import x", "imports tallystick_ingest"),
        ("tallystick_dashboard", "def f():\n    import tallystick_store", "tallystick_store"),
    ],
)
def test_an_import_that_points_up_is_named(package: str, source: str, fault: str) -> None:
    [found] = layer_faults(package, imports(source, f"{package}.some"))
    assert fault in found


def test_every_folder_of_the_sdk_has_its_floor() -> None:
    folders = {file.parent.name for file in PACKAGES["tallystick"].glob("*/__init__.py")}
    assert folders == FLOOR_OF.keys()


@pytest.mark.parametrize(
    ("source", "faults"),
    [
        ("from tallystick.spool.frame import Frame", []),
        ("from tallystick.errors import SpoolError", []),
        ("from tallystick.recording import session", []),
        ("from tallystick.shipping import client", ["line 1: recording imports shipping"]),
        ("def f():\n    from tallystick import tracing", ["line 2: recording imports tracing"]),
    ],
)
def test_a_room_of_the_sdk_that_imports_upward_is_named(source: str, faults: list[str]) -> None:
    module = "tallystick.recording.session"
    assert floor_faults(module, imports(source, module)) == faults


def test_a_database_outside_the_store_is_named() -> None:
    found = imports("import duckdb", "tallystick_ingest.app")
    assert room_faults("tallystick_ingest", found) == [
        "line 1: only tallystick_store imports duckdb"
    ]


@pytest.mark.parametrize(
    ("module", "source", "is_fault"),
    [
        ("tallystick.shipping.shipper", "def f():\n    import mcp", True),
        ("tallystick.instrument.mcp", "import mcp.server", True),
        ("tallystick.instrument.langchain", "def f():\n    import mcp", True),
        ("tallystick.instrument.mcp", "def f():\n    import mcp", False),
        ("tallystick.instrument.mcp", "if TYPE_CHECKING:\n    import mcp", False),
        ("tallystick.instrument.mcp", "from . import mcp", False),
    ],
)
def test_a_framework_is_loaded_late_and_by_its_own_file(
    module: str, source: str, is_fault: bool
) -> None:
    assert bool(framework_faults("tallystick", module, imports(source, module))) is is_fault


@pytest.mark.parametrize(
    ("source", "is_fault"),
    [
        ("import requests", True),
        ("import orjson", True),
        ("try:\n    import orjson\nexcept ImportError:\n    orjson = None", False),
        ("try:\n    import requests\nexcept ImportError:\n    requests = None", True),
        ("import json\nfrom tallystick.errors import RecordError", False),
    ],
)
def test_a_bare_module_may_only_guard_two_packages(source: str, is_fault: bool) -> None:
    assert bool(bare_faults(imports(source, "tallystick.event"))) is is_fault


def test_relative_imports_are_resolved() -> None:
    found = imports("from ..errors import RecordError\nfrom . import note", "tallystick.tlog.proof")
    assert [one.module for one in found] == ["tallystick.errors", "tallystick.tlog"]
