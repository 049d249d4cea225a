"""The scoping law, as a reader of source code: who reads events, who reads grants, who asks what a scope allows.

A new function that reads events without passing `visible_to` is the mistake that this product must not make, and it looks
like any other query in review. So each such function is found here and must stand, with its reason, in the lists of
`test_scoping_law`. Only what the source says is seen: a statement put together from strings in pieces escapes, which is
what row security in the database is for.
"""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

GATES = frozenset({"visible_to", "conditions"})  # `conditions` opens with `visible_to`, and a test holds it to that
STATEMENTS = frozenset({"select", "exists"})
SCOPE_FIELDS = frozenset({"everything", "agent_id", "user_id", "boards"})


@dataclass
class Names:
    """What stands for one table in one module: names bound to the model, and names of modules that hold it."""

    model: str
    table: str
    bound: set[str] = field(default_factory=set)
    holders: set[str] = field(default_factory=set)

    def learn(self, tree: ast.Module) -> "Names":
        """Take note of imports, then of what the module's top level makes of them (`_Newer = aliased(Event)`)."""
        for node in ast.walk(tree):
            if isinstance(node, ast.Import):
                self.holders |= {(alias.asname or "models") for alias in node.names if _of_models(alias.name)}
            elif isinstance(node, ast.ImportFrom) and _of_models(node.module or ""):
                for alias in node.names:
                    (self.bound if alias.name == self.model else self.holders).add(alias.asname or alias.name)
        for statement in tree.body:
            if isinstance(statement, ast.Assign) and self.mentioned(statement.value):
                self.bound |= {
                    node.id for target in statement.targets for node in ast.walk(target) if isinstance(node, ast.Name)
                }
        return self

    def mentioned(self, node: ast.AST) -> bool:
        """Whether the model stands in this code, by any of its names, or its table in SQL."""
        sql = re.compile(rf"\b(?:FROM|JOIN|INTO|UPDATE|ONLY|TABLE)\s+{self.table}\b", re.IGNORECASE)
        for part in _code(node):
            if isinstance(part, ast.Name) and part.id in self.bound:
                return True
            if isinstance(part, ast.Attribute) and part.attr == self.model and _root(part) in self.holders:
                return True
            if isinstance(part, ast.Constant) and isinstance(part.value, str) and sql.search(part.value):
                return True
        return False


def unscoped_reads(tree: ast.Module) -> set[str]:
    """The functions that make a statement which reads events and pass no gate; `<module>` for the top level."""
    events = Names("Event", "events").learn(tree)
    return {name for name, node in _functions(tree) if _reads(node, events) and not _calls(node) & GATES}


def reads_grants(tree: ast.Module) -> bool:
    """Whether the module touches the grants of boards."""
    return Names("BoardGrant", "board_grants").learn(tree).mentioned(tree)


def asks_scope(tree: ast.Module) -> bool:
    """Whether the module looks into a scope for what it allows, instead of handing it to the predicate."""
    return any(
        isinstance(part, ast.Attribute) and part.attr in SCOPE_FIELDS and _last_name(part.value).endswith("scope")
        for part in _code(tree)
    )


def _reads(node: ast.AST, events: Names) -> bool:
    # `rows.select()` needs no mention of the model: the only thing here with such a method is the SELECT list of events.
    methods = any(
        isinstance(part, ast.Call) and isinstance(part.func, ast.Attribute) and part.func.attr == "select"
        for part in _code(node)
    )
    raw = any(isinstance(part, ast.Constant) and events.mentioned(part) for part in _code(node))
    return methods or raw or (bool(_calls(node) & STATEMENTS) and events.mentioned(node))


def _functions(tree: ast.Module) -> Iterator[tuple[str, ast.AST]]:
    """Functions and methods by name, those inside them included in them; then what is left of the module."""
    rest: list[ast.stmt] = []
    for statement in tree.body:
        if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef):
            yield statement.name, statement
        elif isinstance(statement, ast.ClassDef):
            yield from ((f"{statement.name}.{name}", node) for name, node in _functions(ast.Module(statement.body, [])))
        else:
            rest.append(statement)
    yield "<module>", ast.Module(rest, [])


def _calls(node: ast.AST) -> set[str]:
    return {_last_name(part.func) for part in _code(node) if isinstance(part, ast.Call)}


def _code(node: ast.AST) -> Iterator[ast.AST]:
    """`ast.walk` without docstrings, which may speak of what they like."""
    yield node
    for child in ast.iter_child_nodes(node):
        if not (isinstance(child, ast.Expr) and isinstance(child.value, ast.Constant)):
            yield from _code(child)


def _of_models(module: str) -> bool:
    return module == "models" or module.startswith("models.")


def _root(node: ast.expr) -> str:
    while isinstance(node, ast.Attribute):
        node = node.value
    return node.id if isinstance(node, ast.Name) else ""


def _last_name(node: ast.expr) -> str:
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""
