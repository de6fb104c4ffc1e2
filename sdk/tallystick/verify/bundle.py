"""Join the verifier of packages into one file, `verify.py`, that needs Python and nothing else.

The modules are joined in the order of their imports: their imports from `tallystick` are dropped,
those from the standard library gathered at the top. That works because whole names are imported and
every module-level name is unique; `bundle` refuses modules that break either rule.
"""

import ast
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from importlib import resources
from typing import Final

from tallystick.errors import VerificationError

ENTRY_MODULE: Final = "tallystick.verify.standalone"

_HEADER: Final = '''\
#!/usr/bin/env python3
"""Verify an evidence package of Tallystick with the Python standard library alone (3.11 or later).

    python3 -I -S verify.py PACKAGE.zip --policy POLICY

POLICY is a text file of the auditor's own: `log <key>`, and `emitter <key>` on a line for each.
Exit codes: 0 verified under the policy, 1 something is wrong, 2 consistent in itself only.

Made from the sources of Tallystick (Apache-2.0) by joining the modules that are named below, in the
order of their imports; nothing else was changed. The steps are those of docs/spec/package.md.
"""

'''
_START: Final = """

if __name__ == "__main__":
    sys.exit(package_main(sys.argv[1:]))
"""


@lru_cache(maxsize=1)
def bundle() -> str:
    """Return the text of verify.py; the same for every package of a version."""
    sources = {name: _source(name) for name in _in_import_order(ENTRY_MODULE)}
    return join_modules(sources)


def join_modules(sources: Mapping[str, str]) -> str:
    """Join modules, given in the order of their imports.

    Raises VerificationError when two of them define one name differently, or import a module of
    ours as a whole.
    """
    trees = {name: ast.parse(source) for name, source in sources.items()}
    _require_unique_names(trees)
    imports = _print_imports(node for tree in trees.values() for node in _top_imports(tree))
    bodies = [_body(name, sources[name], tree) for name, tree in trees.items()]
    return f"{_HEADER}{imports}\n\n" + "\n\n".join(bodies) + _START


def _source(module: str) -> str:
    path = module.removeprefix("tallystick.").replace(".", "/")
    return resources.files("tallystick").joinpath(f"{path}.py").read_text(encoding="utf-8")


def _in_import_order(module: str) -> list[str]:
    """Return a module behind everything of ours that it imports."""
    order: list[str] = []
    for node in _top_imports(ast.parse(_source(module))):
        if isinstance(node, ast.ImportFrom) and _is_ours(node.module):
            order += [name for name in _in_import_order(str(node.module)) if name not in order]
    return [*order, module]


def _top_imports(tree: ast.Module) -> Iterator[ast.Import | ast.ImportFrom]:
    return (node for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom))


def _is_ours(module: str | None) -> bool:
    return (module or "").partition(".")[0] == "tallystick"


def _print_imports(nodes: Iterable[ast.Import | ast.ImportFrom]) -> str:
    """Print imports of the standard library once each, those of one module together."""
    whole: set[str] = {"import sys"}
    parts: dict[str, set[str]] = {}
    for node in nodes:
        if isinstance(node, ast.Import):
            whole.add(ast.unparse(node))
        elif not _is_ours(node.module):
            parts.setdefault(str(node.module), set()).update(map(ast.unparse, node.names))
    named = [f"from {module} import {', '.join(sorted(names))}" for module, names in parts.items()]
    return "\n".join([*sorted(whole), *sorted(named)])


def _body(name: str, source: str, tree: ast.Module) -> str:
    """Return a module without its imports; its docstring becomes a comment."""
    lines = source.split("\n")
    docstring = ast.get_docstring(tree) or ""
    dropped = {
        line
        for node in [*_top_imports(tree), *(tree.body[:1] if docstring else ())]
        for line in range(node.lineno, (node.end_lineno or node.lineno) + 1)
    }
    kept = [line for number, line in enumerate(lines, 1) if number not in dropped]
    comment = [f"# {line}".rstrip() for line in docstring.split("\n")]
    head = [f"# {'=' * 8} {name}", "#", *comment]
    return "\n".join(head) + "\n\n" + "\n".join(kept).strip() + "\n"


def _require_unique_names(trees: Mapping[str, ast.Module]) -> None:
    owners: dict[str, str] = {}
    for module, tree in trees.items():
        for name, owner in _top_names(module, tree):
            if owners.setdefault(name, owner) != owner:
                raise VerificationError(
                    f"{name} means {owners[name]} and {owner}: rename one, so that both can stand "
                    "in one file"
                )


def _top_names(module: str, tree: ast.Module) -> Iterator[tuple[str, str]]:
    """Yield each module-level name and what it stands for."""
    for node in tree.body:
        if isinstance(node, ast.Import | ast.ImportFrom):
            yield from _imported_names(node)
        else:
            for name in _defined_names(node):
                yield name, f"{module}.{name}"


def _imported_names(node: ast.Import | ast.ImportFrom) -> Iterator[tuple[str, str]]:
    source = node.module if isinstance(node, ast.ImportFrom) else None
    for alias in node.names:
        if _is_ours(source or alias.name) and (source is None or alias.asname):
            raise VerificationError(f"{ast.unparse(node)}: import whole names from the module")
        yield alias.asname or alias.name, f"{source}.{alias.name}" if source else alias.name


def _defined_names(node: ast.AST) -> Iterator[str]:
    """Yield the names that a statement defines, also inside `if` and `try`."""
    if isinstance(node, ast.FunctionDef | ast.ClassDef):
        yield node.name
    elif isinstance(node, ast.Assign | ast.AnnAssign):
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        for target in targets:
            yield from (name.id for name in ast.walk(target) if isinstance(name, ast.Name))
    elif isinstance(node, ast.alias):
        yield node.asname or node.name
    elif not isinstance(node, ast.expr):
        for child in ast.iter_child_nodes(node):
            yield from _defined_names(child)
