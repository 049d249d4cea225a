"""Documents and variables that fit the schema, filled with what callers send by mistake and what attackers send on purpose.

The documents are hypothesis-graphql's, which is what Schemathesis makes its GraphQL requests of; it knows queries and mutations, not
subscriptions. About half of the root fields' arguments are lifted out of a document into variables, with values of our own by name and
type, of which half of the requests have one replaced. Good values outweigh bad ones: what is refused at the door tries nothing
behind it.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from graphql import (
    ArgumentNode,
    DocumentNode,
    FieldNode,
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLInputType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLSchema,
    NameNode,
    ObjectFieldNode,
    OperationDefinitionNode,
    VariableDefinitionNode,
    VariableNode,
    parse_type,
    print_ast,
)
from hypothesis import strategies as st
from hypothesis_graphql import from_schema, nodes

from tests.access.rules import ABSENT
from tests.support.world import World
from trailcast.ledger.cursor import DIRECTORY, encode_name, encode_sequence

BIG = 2**63
HOSTILE_TEXTS = (
    "", " ", "\x00", "a\x00b", "\ufeff", "\u202e", "\u0000\u0000", "💥", "'; DROP TABLE events; --", "%", "\\", '"', "{}", "x" * 201,
    "x" * 20_000, "é" * 9000, "null", "\r\n", "../../etc/passwd", "$1", "task..", "Task.Comment", "\U0010ffff", "\x7f\x1b[31m",
)  # fmt: skip
TIMES = (
    "2026-01-01T00:00:00Z", "1970-01-01T00:00:00+00:00", "2100-12-31T23:59:59.999999+14:00", "2026-11-22 10:30:00.5-10:00",
)  # fmt: skip
BAD_TIMES = (
    "2026-01-01T00:00:00", "2026-01-01", "now", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z", "9999-12-31T23:59:59-14:00",
    "0000-01-01T00:00:00Z", "2026-02-30T00:00:00Z", "2026-01-01T24:00:00Z", "2026-01-01T00:00:60Z", "1e9", "", "\x00",
)  # fmt: skip
INTS = (0, 1, 2, 3, 20, 50)
BAD_INTS = (-1, 200, 201, 10_000, 10_001, 2**31 - 1, -(2**31))
HUGE_INTS = (2**31, -(2**31) - 1, 2**53, BIG - 1, BIG, -BIG - 1, 10**30)
ZONES = ("UTC", "Europe/Berlin", "America/St_Johns", "Pacific/Apia")
BAD_ZONES = ("Mars/Base", "", "/etc/passwd", "../UTC", "\x00", "utc\n", "Europe", "posixrules", "x" * 300, "Etc/GMT+99")
EVENT_TYPES = (
    "task.comment",
    "task.status_changed",
    "board.created",
    "custom.noted",
    "auth.login",
    "task.execution.failed",
)
TEXTS = ("task.", "plan", "invoice", "Alpha", "task", "board", "auth", "agent", "created", "run-1", "UTC", "Hello")


@dataclass(frozen=True)
class Request:
    """What is sent."""

    query: str
    variables: dict[str, Any] | None = None

    @property
    def is_subscription(self) -> bool:
        return self.query.startswith("subscription")


class Vocabulary:
    """What the values of requests are made of: ids and cursors of one world, and what is none."""

    def __init__(self, world: World) -> None:
        acme, globex = UUID(world.acme), UUID(world.globex)
        # Nobody who asks here is among them: a directory that is synchronised at random would take the askers' rights.
        names = (
            "alpha", "beta", "gamma", "globex_board", "alpha_task", "gamma_task", "loose_task", "globex_task", "member", "builder",
            "globex_owner",
        )  # fmt: skip
        self.ids = [*map(world.id, names), *list(world.events.values())[:8], world.acme, world.globex, ABSENT]
        bad_ids = ["0", "alpha", "{}", ABSENT[:-1], ABSENT.upper() + "0", "g" * 36]
        self.cursors = [
            *(encode_sequence(acme, number) for number in (0, 1, 10, 20)),
            encode_name(DIRECTORY["boards"], acme, "Alpha", UUID(world.id("alpha"))),
            encode_sequence(acme, 10**9),
            encode_sequence(acme, BIG - 1),
            encode_sequence(globex, 1),
        ]
        bad_cursors = ["A", "====", self.cursors[0][:-2], self.cursors[1] + "A", "é"]
        self.bad_texts = [
            *bad_ids,
            *bad_cursors,
            *HOSTILE_TEXTS,
            *BAD_TIMES,
            *BAD_ZONES,
            "TASK.x",
            "a." * 60 + "b",
            "a.b\x00",
        ]
        # Most of them are text: what is no value of its type at all is refused before anything is run.
        self.bad: list[Any] = [
            *self.bad_texts,
            *self.bad_texts,
            *BAD_INTS,
            *HUGE_INTS,
            1.5,
            1e300,
            True,
            None,
            [],
            {},
            "x\udfff",
        ]

    def node(self, scalar: str) -> st.SearchStrategy[Any]:
        """Values of a scalar as they stand in documents."""
        if scalar == "JSON":
            return _objects.map(_value_node)
        if scalar == "Int":
            return _mostly(INTS, BAD_INTS).map(nodes.Int)
        if scalar == "DateTime":
            return st.sampled_from(TIMES).map(nodes.String)
        good = self.ids if scalar == "ID" else [*TEXTS, *EVENT_TYPES, *self.cursors, *ZONES]
        return _mostly(good, self.bad_texts).map(nodes.String)

    def json(self, kind: GraphQLInputType, name: str) -> st.SearchStrategy[Any]:
        """Good values of a type as they stand in variables."""
        if isinstance(kind, GraphQLNonNull):
            return self._json(kind.of_type, name)
        return st.none() | self._json(kind, name)

    def _later(self, kind: GraphQLInputType, name: str) -> st.SearchStrategy[Any]:
        return st.deferred(lambda: self.json(kind, name))

    def _json(self, kind: GraphQLInputType, name: str) -> st.SearchStrategy[Any]:
        if isinstance(kind, GraphQLList):
            return st.lists(self.json(kind.of_type, name), max_size=3)
        if isinstance(kind, GraphQLEnumType):
            return st.sampled_from(list(kind.values))
        if isinstance(kind, GraphQLInputObjectType):
            inner = {key: self._later(field.type, key) for key, field in kind.fields.items()}
            required = {key for key, field in kind.fields.items() if isinstance(field.type, GraphQLNonNull)}
            return st.fixed_dictionaries(
                {key: inner[key] for key in inner if key in required},
                optional={key: inner[key] for key in inner if key not in required},
            )
        by_name = {
            "after": self.cursors, "before": self.cursors, "timeZone": ZONES, "eventType": EVENT_TYPES, "by": TEXTS,
            "action": ("created", "x"), "type": ("task", "board", "user", "custom"), "eventTypePrefix": ("task.", "a"),
        }  # fmt: skip
        by_type = {"ID": self.ids, "DateTime": TIMES, "Int": INTS, "String": TEXTS, "Boolean": (True, False)}
        if name not in by_name and str(kind) == "JSON":
            return _objects
        return st.sampled_from(list(by_name[name] if name in by_name else by_type[str(kind)]))


SCALARS = ("ID", "Int", "String", "DateTime", "JSON")


def requests(schema: GraphQLSchema, vocabulary: Vocabulary) -> st.SearchStrategy[Request]:
    """Queries, mutations and, one in ten, subscriptions."""
    scalars = {name: vocabulary.node(name) for name in SCALARS}
    documents = from_schema(schema, custom_scalars=scalars, print_ast=lambda document: document)

    @st.composite
    def request(draw: st.DrawFn) -> Request:
        if draw(st.integers(0, 9)) == 0:
            made = _subscription(draw, schema, vocabulary)
        else:
            made = _lifted(draw, schema, draw(documents), vocabulary)
        return _spoiled(draw, made, vocabulary) if draw(st.booleans()) else made

    return request()


def _lifted(draw: st.DrawFn, schema: GraphQLSchema, document: DocumentNode, vocabulary: Vocabulary) -> Request:
    """The document with some of its root fields' arguments in variables, and some left out."""
    [operation] = document.definitions
    assert isinstance(operation, OperationDefinitionNode)
    root = schema.get_root_type(operation.operation)
    assert root is not None
    variables: dict[str, Any] = {}
    definitions: list[VariableDefinitionNode] = []
    fields = []
    for field in operation.selection_set.selections:
        assert isinstance(field, FieldNode)
        arguments = []
        for argument in field.arguments or ():
            kind = root.fields[field.name.value].args[argument.name.value].type
            fate = draw(st.sampled_from(["left out", "lifted", "lifted", "as it is"]))
            if fate == "left out" and not isinstance(kind, GraphQLNonNull):
                continue
            if fate != "lifted":
                arguments.append(argument)
                continue
            name = f"v{len(variables)}"
            variables[name] = draw(vocabulary.json(kind, argument.name.value))
            arguments.append(ArgumentNode(name=argument.name, value=_variable(name)))
            definitions.append(VariableDefinitionNode(variable=_variable(name), type=parse_type(str(kind))))
        fields.append(replace(field, arguments=tuple(arguments)))
    selections = replace(operation.selection_set, selections=tuple(fields))
    lifted = replace(operation, selection_set=selections, variable_definitions=tuple(definitions))
    return Request(print_ast(DocumentNode(definitions=(lifted,))), variables)


def _subscription(draw: st.DrawFn, schema: GraphQLSchema, vocabulary: Vocabulary) -> Request:
    """One root field with some of its arguments, all in variables."""
    assert schema.subscription_type is not None
    name, field = draw(st.sampled_from(sorted(schema.subscription_type.fields.items())))
    given = draw(st.lists(st.sampled_from(sorted(field.args)), unique=True))
    variables = {argument: draw(vocabulary.json(field.args[argument].type, argument)) for argument in given}
    declared = ", ".join(f"${argument}: {field.args[argument].type}" for argument in given)
    passed = ", ".join(f"{argument}: ${argument}" for argument in given)
    head, arguments = (f"({declared})", f"({passed})") if given else ("", "")
    return Request(f"subscription {head} {{ {name}{arguments} {{ cursor message }} }}", variables)


def _spoiled(draw: st.DrawFn, made: Request, vocabulary: Vocabulary) -> Request:
    """The request with one value in its variables replaced by a bad one: of several, the first would hide the others."""
    places = [(container, key) for container, key in _places(made.variables) if container[key] is not None]
    if not places:
        return made
    container, key = draw(st.sampled_from(places))
    value = container[key]
    if isinstance(value, str) and draw(st.booleans()):
        container[key] = draw(
            st.sampled_from([f"{value}\0", f"\0{value}", value * 3000, value[:-1], value.upper(), f" {value}"])
        )
    else:
        container[key] = draw(_rarely(st.sampled_from(vocabulary.bad), _anything))
    return made


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Every place of a value: what holds it, and under which key."""
    inner = list(value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ())
    for key, below in inner:
        yield value, key
        yield from _places(below)


def _variable(name: str) -> VariableNode:
    return VariableNode(name=NameNode(value=name))


def _mostly(good: Iterable[Any], bad: Iterable[Any]) -> st.SearchStrategy[Any]:
    """Nineteen good values to a bad one: a request has many, and one that is bad may refuse all of it."""
    chosen = st.sampled_from(list(good)), st.sampled_from(list(bad))
    return st.integers(0, 19).flatmap(lambda number: chosen[number == 0])


def _rarely(usual: st.SearchStrategy[Any], rare: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.integers(0, 9).flatmap(lambda number: usual if number else rare)


_leaves = (
    st.none() | st.booleans() | st.sampled_from([0, -1, 1.5, BIG - 1, BIG, -BIG, 1e308, *TEXTS, *HOSTILE_TEXTS[:12], "\ud800"])
)  # fmt: skip
_anything = st.recursive(
    _leaves,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["a", "", "password", "\x00"]), inner, max_size=3)
    ),
    max_leaves=6,
)  # fmt: skip
_objects = _rarely(st.dictionaries(st.sampled_from(["a", "b.c", "password", "é"]), _anything, max_size=3), _anything)


def _value_node(value: Any) -> Any:
    """A JSON value as a document writes it, as far as it can: its keys are names there."""
    if isinstance(value, dict):
        named = {key if key.isidentifier() and key.isascii() else "x": inner for key, inner in value.items()}
        return nodes.Object(
            [ObjectFieldNode(name=NameNode(value=key), value=_value_node(inner)) for key, inner in named.items()]
        )
    if isinstance(value, list):
        return nodes.List([_value_node(inner) for inner in value])
    if value is None or isinstance(value, bool):
        return nodes.Null if value is None else nodes.Boolean(value)
    if isinstance(value, int | float):
        return nodes.Int(value) if isinstance(value, int) else nodes.Float(value)
    return nodes.String(value)
