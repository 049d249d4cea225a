"""What compiled functions answer is what graphql-core answers, whatever is selected and whatever the values are.

Documents and values are drawn over the real schema: the resolvers that wait are replaced by ones that give what was drawn, for both
executors, and everything below them is as it is.
"""

import asyncio
import random
from collections.abc import Callable, Generator
from datetime import UTC, datetime
from functools import cache
from typing import Any
from uuid import UUID

import pytest
from graphql import (
    ExecutionResult,
    GraphQLEnumType,
    GraphQLObjectType,
    GraphQLOutputType,
    GraphQLSchema,
    execute_subscription_event,
    get_named_type,
    is_leaf_type,
    is_list_type,
    is_non_null_type,
    is_object_type,
    parse,
    validate,
)
from hypothesis import Phase, given, note, settings
from hypothesis import strategies as st
from strawberry.execution import optimized_is_awaitable
from strawberry.schema.schema import StrawberryGraphQLCoreExecutionContext
from strawberry.types.field import StrawberryField

from schema.build import build
from schema.execution import functions
from schema.execution.compiled import CompilingExecutor, Kept
from schema.execution.following import _recipe
from schema.limits import Limits
from schema.paging import LogConnection
from tests.schema.conftest import Reading
from trailcast import records

EXAMPLES_MAX = 60
RECORDS: dict[str, type] = {
    "ActivityEvent": records.EventRecord,
    "TaskComment": records.CommentRecord,
    **{name: getattr(records, name) for name in ("Workspace", "Board", "Task", "Agent", "User")},
}
ODDITY_RATES = (0.0, 0.002, 0.02, 0.2)
CONDITIONS = {"yes": 1, "no": 2, "other": 4}
ROOTS = {"query": "Query", "mutation": "Mutation", "subscription": "Subscription"}
ARGUMENTS = {
    "Query.node": '(id: "1")',
    "Query.activityEvent": '(id: "1")',
    "Query.auditTrail": '(entityType: "task", entityId: "1")',
    "Query.activityMetrics": '(since: "2026-01-01T00:00:00Z")',
    "ActivityMetrics.breakdown": "(by: ACTOR)",
    "Mutation.logActivity": '(input: {eventType: "custom.noted"})',
    "Mutation.logActivities": "(inputs: [])",
    "Mutation.addTaskComment": '(taskId: "1", message: "x")',
    "Mutation.syncDirectory": "(input: {})",
}


class Plain:
    """What a type without a record of its own has for a value."""


class Later:
    """Something that can be awaited, or never is without a complaint: graphql-core gives up what is beside an error."""

    def __init__(self, value: object = "later") -> None:
        self._value = value

    def __await__(self) -> Generator[Any, None, object]:
        yield from asyncio.sleep(0).__await__()
        return self._value


def failing(_self: object) -> object:
    raise LookupError("a record that cannot be read")


ODDITIES: tuple[Callable[[], object], ...] = (
    Later, Plain, list, dict, lambda: None, lambda: ValueError("an exception as a value"), lambda: [None], lambda: "text",
    lambda: "SUCCESS", lambda: 7, lambda: True, lambda: 2**40, lambda: 1.5, lambda: float("nan"), lambda: (1, 2), lambda: {1, 2},
    lambda: records.Outcome.DENIED, lambda: UUID(int=5), lambda: b"bytes", lambda: datetime(2026, 1, 1),  # noqa: DTZ001
)  # fmt: skip


@cache
def _like(own: type) -> type:
    """Its instances may have any attribute."""
    return type(own.__name__, (own,), {})


@cache
def _failing(own: type, name: str) -> type:
    """Its instances raise when this is read."""
    return type(own.__name__, (own,), {name: property(failing)})


class Values(dict[str, object]):
    """A value for each field that waits, made when it is asked for: mostly what a resolver would give, sometimes anything."""

    def __init__(self, core: GraphQLSchema, seed: int, oddity_rate: float) -> None:
        super().__init__()
        self._core = core
        self._random = random.Random(seed)
        self._oddity_rate = oddity_rate
        self.wanting: str | None = None  # what could not be made, which would otherwise look like a resolver that fails

    def __missing__(self, key: str) -> object:
        kind, _, name = key.partition(".")
        parent: Any = self._core.get_type(kind)
        self.wanting = key
        self[key] = self.of(parent.fields[name].type)
        self.wanting = None
        return self[key]

    def of(self, kind: GraphQLOutputType, depth: int = 0) -> object:
        chance = self._random.random()
        if chance < self._oddity_rate:
            return self._random.choice(ODDITIES)()
        if is_non_null_type(kind):
            return self._sound(kind.of_type, depth)
        return None if depth > 6 or chance > 0.9 else self._sound(kind, depth)

    def _sound(self, kind: Any, depth: int) -> object:
        if is_list_type(kind):
            return [self.of(kind.of_type, depth + 1) for _ in range(self._random.randrange(0 if depth > 5 else 4))]
        if isinstance(kind, GraphQLEnumType):
            return self._random.choice(list(kind.extensions["strawberry-definition"].wrapped_cls))
        if is_leaf_type(kind):
            return self._leaf(kind.name)
        if not is_object_type(kind):
            kind = self._random.choice(self._core.get_possible_types(kind))
        return self._record(kind, depth)

    def _leaf(self, name: str) -> object:
        number = self._random.randrange(100)
        return {
            "String": f"text {number}",
            "ID": self._random.choice([f"id {number}", UUID(int=number)]),
            "Int": number,
            "Float": number / 7,
            "Boolean": number > 50,
            "BigInt": number << 40,
            "JSON": {"a": [number, None]},
            "DateTime": datetime.fromtimestamp(number, UTC),
        }[name]

    def _record(self, kind: GraphQLObjectType, depth: int) -> object:
        own = RECORDS.get(kind.name, Plain)
        made: Any = object.__new__(_like(own))
        # What methods of types read: the page of a connection is itself here, and so on.
        for name, value in {"page": made, "principal": made, "entity": made, "type": "task", "id": "1"}.items():
            if not hasattr(own, name):
                object.__setattr__(made, name, value)
        for field in kind.fields.values():
            definition = field.extensions["strawberry-definition"]
            if not definition.is_async and not isinstance(getattr(own, definition.python_name, None), property):
                object.__setattr__(made, definition.python_name, self.of(field.type, depth + 1))
        if self._random.random() < self._oddity_rate:
            field = self._random.choice(list(kind.fields.values()))
            object.__setattr__(
                made, "__class__", _failing(_like(own), field.extensions["strawberry-definition"].python_name)
            )
        return made


class Documents:
    """Draws documents that are valid."""

    def __init__(self, core: GraphQLSchema, seed: int) -> None:
        self._core = core
        self._random = random.Random(seed)
        self._fragments: list[str] = []
        self._used: set[str] = set()

    def document(self) -> str:
        operation = self._random.choice(["query", "query", "query", "mutation", "subscription"])
        root: Any = self._core.get_type(ROOTS[operation])
        if operation == "subscription":
            name = self._random.choice(sorted(root.fields))
            body = f"{{ {name} {self._selection(get_named_type(root.fields[name].type), 3)} }}"
        else:
            body = self._selection(root, 4, at_root=True)
        variables = ", ".join(f"${name}: Boolean!" for name in sorted(self._used))
        return "\n".join([f"{operation}{f'({variables})' if variables else ''} {body}", *self._fragments])

    def _selection(self, kind: Any, depth: int, *, at_root: bool = False, is_mixed: bool = False) -> str:
        """What is selected of a type; where it may stand beside selections of other types, under names of their own."""
        is_mixed = is_mixed or not is_object_type(kind)
        count = self._random.randint(1, 3 if at_root else 6)
        return "{ " + " ".join(self._item(kind, depth, at_root=at_root, is_mixed=is_mixed) for _ in range(count)) + " }"

    def _item(self, kind: Any, depth: int, *, at_root: bool, is_mixed: bool) -> str:
        what = self._random.randint(0, 9)
        directive = self._directive()
        if what == 9 or (what == 8 and at_root):
            return (
                f"... {directive} {self._selection(kind, depth - 1, is_mixed=is_mixed)}"
                if depth > 1
                else f"__typename {directive}"
            )
        if what == 8 and depth > 1:
            other = self._random.choice(self._overlapping(kind))
            if self._random.random() < 0.5:
                return f"... on {other.name} {directive} {self._selection(other, depth - 1, is_mixed=is_mixed)}"
            body = self._selection(other, depth - 1, is_mixed=is_mixed)
            name = f"F{len(self._fragments)}"
            self._fragments.append(f"fragment {name} on {other.name} {body}")
            return f"...{name} {directive}"
        names = [name for name, field in kind.fields.items() if depth > 1 or is_leaf_type(get_named_type(field.type))]
        name = self._random.choice([*sorted(names), "__typename"])
        if name == "__typename":
            return f"{name} {directive}"
        named = get_named_type(kind.fields[name].type)
        # One name is always of one field, so that fields merge.
        alias = self._random.choice(["", "", f"{name}_a: ", f"{name}_b: "])
        if is_mixed:
            alias = f"{name}_{kind.name}: "
        arguments = ARGUMENTS.get(f"{kind.name}.{name}", "")
        below = "" if is_leaf_type(named) else self._selection(named, depth - 1)
        return f"{alias}{name}{arguments} {directive} {below}"

    def _overlapping(self, kind: Any) -> list[Any]:
        if is_object_type(kind):
            return [kind, *kind.interfaces]
        return [kind, *self._core.get_possible_types(kind)]

    def _directive(self) -> str:
        name = self._random.choice(["", "", "", "", "skip", "include"])
        if not name:
            return ""
        condition = self._random.choice(["true", "false", *(f"${name}" for name in CONDITIONS)])
        if condition.startswith("$"):
            self._used.add(condition[1:])
        return f"@{name}(if: {condition})"


@pytest.fixture(scope="module")
def core() -> GraphQLSchema:
    """The schema, with what was drawn for each field that waits: it is asked of the context."""
    made = build.__wrapped__()._schema  # one of our own, because it is changed
    for kind in made.type_map.values():
        for name, field in (kind.fields if is_object_type(kind) else {}).items():
            definition = field.extensions.get("strawberry-definition")
            if isinstance(definition, StrawberryField) and definition.is_async:
                field.resolve = _drawn(f"{kind.name}.{name}", is_async=kind.name != "Subscription")
    return made


def _drawn(key: str, *, is_async: bool) -> Callable[..., object]:
    def give(_source: object, info: Any, **_arguments: object) -> object:
        return Later(info.context[key]) if is_async else info.context[key]

    return give


def answer(kind: Any, *asked: Any, **more: Any) -> ExecutionResult:
    async def run() -> ExecutionResult:
        executor = kind.build(*asked, is_awaitable=optimized_is_awaitable, **more)
        assert not isinstance(executor, list), executor
        result = executor.execute_operation()
        made: ExecutionResult = await result if optimized_is_awaitable(result) else result
        return made

    return asyncio.run(run())


def told(result: ExecutionResult) -> tuple[object, ...]:
    """All of an answer that can be seen, and the order in which it is there."""
    errors = [
        (error.message, error.path, error.locations, repr(error.original_error), error.extensions)
        for error in result.errors or ()
    ]
    return repr(result.data), errors


EVENT = "id sequence cursor workspaceId eventType outcome message actorId agentId board { id name isDeleted } changes { path before }"
MORE = "actor { kind id name } onBehalfOf { role } task { title board { name } } metadata occurredAt createdAt route { name params }"
PAGE = f"""query($yes: Boolean!) {{ activityEvents {{
  edges {{ cursor node {{ ...Some more: message @include(if: $yes) ... on Node {{ id }} }} }}
  nodes {{ {EVENT} {MORE} }} pageInfo {{ hasNextPage endCursor }} }} }}
fragment Some on ActivityEvent {{ {EVENT} }}"""


class Counting(CompilingExecutor):
    """Counts the fields that graphql-core resolves."""

    resolved = 0

    def build_resolve_info(self, *args: Any) -> Any:
        Counting.resolved += 1
        return super().build_resolve_info(*args)


def test_a_page_is_one_field_to_graphql_core(core: GraphQLSchema, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Counting, "resolved", 0)
    kept, document, context = Kept(10_000), parse(PAGE), Values(core, 4, 0.0)
    for yes, made in ((True, 2), (True, 2), (False, 4), (True, 4)):  # how it is called, and the function
        result = answer(Counting, core, document, None, context, {"yes": yes}, kept=kept)
        edges = (result.data or {})["activityEvents"]["edges"]
        assert (len(edges), ["more" in edge["node"] for edge in edges], kept.made) == (3, [yes] * 3, made)
    assert Counting.resolved == 4


def test_a_failing_item_costs_the_others_nothing(core: GraphQLSchema, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Counting, "resolved", 0)
    made = [records.EventRecord(UUID(int=1), number, "", message="said", action="done") for number in range(50)]
    made[7].action = None
    page = records.Page([records.Edge("", one) for one in made], records.PageInfo(False, False, None, None))
    connection: Any = LogConnection(page=page, wanted=records.EventFilter())
    context = {"Query.activityEvents": connection}
    result = answer(Counting, core, parse("{ activityEvents { nodes { message action } } }"), None, context)
    assert result.data is None
    assert [error.path for error in result.errors or ()] == [["activityEvents", "nodes", 7, "action"]]
    assert Counting.resolved == 4  # the root, the list, and the two fields of the one that fails


def test_what_is_kept_is_bounded(core: GraphQLSchema, monkeypatch: pytest.MonkeyPatch) -> None:
    kept, document, context = Kept(40), parse(PAGE), Values(core, 1, 0.0)
    for yes in (True, False, True):
        answer(CompilingExecutor, core, document, None, context, {"yes": yes}, kept=kept)
    assert (kept.made, len(kept._values)) == (6, 1)
    monkeypatch.setattr(functions, "FUNCTION_FIELDS_MAX", 3)
    monkeypatch.setattr(Counting, "resolved", 0)
    short = parse("{ boards { pageInfo { endCursor } nodes { id name isDeleted } } }")
    given_: Any = (core, short, None, context)
    expected = told(answer(StrawberryGraphQLCoreExecutionContext, *given_))
    assert told(answer(Counting, *given_)) == expected
    assert Counting.resolved == 3  # the connection has more fields than may be, its parts have not


def test_deliveries_are_completed_by_the_same_functions() -> None:
    schema = build()
    document = schema.documents.read(
        "subscription($after: String) { activityLogged(after: $after) { message sequence } }"
    )
    operation = document.operations[0]
    before = operation.kept.made
    for cursor in ("a", "b"):
        recipe = _recipe(schema, document, operation, {"after": cursor})
        for number in (1, 2):
            event = records.EventRecord(UUID(int=1), number, "", message="said")
            result = execute_subscription_event(recipe._executor.build_per_event_executor(event))
            assert result == ExecutionResult({"activityLogged": {"message": "said", "sequence": str(number)}}, None)
    assert operation.kept.made == before + 2


@pytest.mark.asyncio(loop_scope="session")
async def test_a_second_request_of_a_document_works_nothing_out(read: Reading) -> None:
    settings = read.shared.server.services.settings
    [operation] = build(Limits.of(settings), introspection=settings.introspection).documents.read(PAGE).operations
    answers = [(await read.data(PAGE, {"yes": True}), operation.kept.made) for _ in range(2)]
    assert answers[0] == answers[1]
    assert answers[0][1] == 4  # what the root selects, how it is called, the function, and what is read of the database


@settings(max_examples=EXAMPLES_MAX, deadline=None, phases=[Phase.reuse, Phase.generate])
@given(st.integers(0, 2**32))
def test_every_answer_is_graphql_cores_own(core: GraphQLSchema, seed: int) -> None:
    text = Documents(core, seed).document()
    note(text)
    document = parse(text)
    assert validate(core, document) == []
    kept = Kept(10_000)
    for number, rate in enumerate(ODDITY_RATES):
        context = Values(core, seed + number, rate)
        variables = {name: bool(seed >> number & bit) for name, bit in CONDITIONS.items() if f"${name}:" in text}

        asked: Any = (core, document, None, context, variables)
        expected = told(answer(StrawberryGraphQLCoreExecutionContext, *asked))
        assert context.wanting is None
        assert told(answer(CompilingExecutor, *asked, kept=kept)) == expected
        made = kept.made
        assert told(answer(CompilingExecutor, *asked, kept=kept)) == expected
        assert kept.made == made
