"""The checks of the verifier, found in its source: each can be taken out, one at a time.

A check is what makes a fault come to light: an `if` that raises or reports, one operand of its
condition, a report or a `require` that stands alone, a `raise` in a handler.
"""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

REPORTING = {"fault", "not_checked", "notice", "mismatch"}
"""Methods that add a finding; an `if` around one of them is a check."""

REQUIRING = ("require", "check", "verify", "_require", "_check", "_compare", "_proof_require")
"""How the functions begin that raise when something does not hold."""


@dataclass(frozen=True, slots=True)
class Check:
    """One check of one file: which node of its tree, and what is taken out there."""

    file: Path
    line: int
    what: str
    number: int
    position: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.what}"

    @property
    def source(self) -> str:
        """The text of the file without the check."""
        tree = _tree(self.file)
        _remove(list(ast.walk(tree))[self.number], tree, self.position)
        return ast.unparse(ast.fix_missing_locations(tree))


def checks_of(file: Path) -> Iterator[Check]:
    """Yield every check of a file."""
    for number, node in enumerate(ast.walk(_tree(file))):
        for position, what in enumerate(_removals(node)):
            yield Check(file, getattr(node, "lineno", 0), what, number, position)


def _tree(file: Path) -> ast.Module:
    return ast.parse(file.read_text(encoding="utf-8"))


def _removals(node: ast.AST) -> list[str]:
    """Say what can be taken out at a node."""
    if isinstance(node, ast.If) and _is_check(node):
        test = ast.unparse(node.test)
        return [f"if {test}", *(f"if {test}, without `{part}`" for part in _parts(node.test))]
    if isinstance(node, ast.Expr) and _is_report(node):
        return [ast.unparse(node)[:100]]
    if isinstance(node, ast.ExceptHandler) and any(isinstance(s, ast.Raise) for s in node.body):
        return [f"raise in `except {ast.unparse(node.type) if node.type else ''}`"]
    return []


def _remove(node: ast.AST, tree: ast.Module, position: int) -> None:
    if isinstance(node, ast.If):
        node.test = ast.Constant(False) if position == 0 else _without(node.test, position - 1)
    elif isinstance(node, ast.ExceptHandler):
        node.body = [ast.Pass() if isinstance(s, ast.Raise) else s for s in node.body]
    else:
        _Replace(node).visit(tree)


class _Replace(ast.NodeTransformer):
    """Puts `pass` in place of one statement."""

    def __init__(self, node: ast.AST) -> None:
        self._node = node

    def visit(self, node: ast.AST) -> ast.AST:
        return ast.Pass() if node is self._node else self.generic_visit(node)


def _is_check(node: ast.If) -> bool:
    """Whether the `if` raises or reports itself, not only in an `if` inside it."""
    return any(
        isinstance(statement, ast.Raise)
        or (isinstance(statement, ast.Expr) and _is_report(statement))
        for statement in node.body
    )


def _is_report(node: ast.Expr) -> bool:
    call = node.value
    if not isinstance(call, ast.Call):
        return False
    if isinstance(call.func, ast.Attribute):
        return call.func.attr in REPORTING or call.func.attr.startswith(REQUIRING)
    return isinstance(call.func, ast.Name) and call.func.id.startswith(REQUIRING)


def _parts(test: ast.expr) -> list[str]:
    """List what can be left out of a condition: operands of `or`, ends of a chained comparison."""
    return [text for text, _ in _shorter(test)]


def _without(test: ast.expr, position: int) -> ast.expr:
    return _shorter(test)[position][1]


def _shorter(test: ast.expr) -> list[tuple[str, ast.expr]]:
    """Give each part of a condition with the condition that lacks it."""
    if isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not):
        return [
            (text, ast.UnaryOp(ast.Not(), shorter))
            for text, shorter in _shorter_comparison(test.operand)
        ]
    if not isinstance(test, ast.BoolOp) or not isinstance(test.op, ast.Or):
        return []
    found: list[tuple[str, ast.expr]] = []
    for index, operand in enumerate(test.values):
        others = [*test.values[:index], *test.values[index + 1 :]]
        rest = others[0] if len(others) == 1 else ast.BoolOp(ast.Or(), others)
        found.append((ast.unparse(operand), rest))
    return found


def _shorter_comparison(test: ast.expr) -> list[tuple[str, ast.expr]]:
    if not isinstance(test, ast.Compare) or len(test.ops) < 2:
        return []
    first = ast.Compare(test.left, test.ops[:1], test.comparators[:1])
    last = ast.Compare(test.comparators[-2], test.ops[-1:], test.comparators[-1:])
    return [(ast.unparse(last), first), (ast.unparse(first), last)]
