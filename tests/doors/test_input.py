"""Every value of every argument: one that is none is refused with the path to it, as an error of the request or of the input.

The places are found in the schema, down to the last field of every input type; what fits around a bad value is written below. A
new argument is tried without anybody asking for it.
"""

from collections.abc import Iterable, Iterator
from typing import Any

import pytest
from graphql import (
    GraphQLEnumType,
    GraphQLField,
    GraphQLInputObjectType,
    GraphQLInputType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLScalarType,
    get_named_type,
    is_leaf_type,
    is_required_argument,
    is_required_input_field,
)

from schema.build import build
from tests.access.rules import ABSENT
from tests.support.clients import Client
from tests.support.world import World, identity

# What is no value of a type at all, wherever it stands.
NO_VALUE: dict[str, tuple[Any, ...]] = {
    "Int": (2**31, 1.5, "5"),
    "Boolean": ("true", 1),
    "ID": (1.5, {}),
    "String": (7, {}),
    "DateTime": ("2026-01-01T00:00:00", "2026-02-30T00:00:00Z", 1_763_803_800),
    "JSON": (),
}
NO_ENUM = ("NONE_OF_THEM", 1)
# What the type lets through and its field must not.
NO_TEXT = ("a\x00b",)
# Where text is taken as it is: given back and not kept, or looked for in a list that has no such thing.
TAKEN = {"clientMutationId"}
CURSORS = {"after", "before"}  # one that is none has a code of its own, and no path: a field has but one or the other
GOOD: dict[str, Any] = {
    "eventType": "task.status_changed", "message": "Hello", "taskId": identity("alpha_task"), "boardId": identity("alpha"),
    "kind": "USER", "type": "task", "userId": identity("member"), "name": "Name", "title": "Title", "path": "status",
    "since": "2026-01-01T00:00:00Z", "by": "ACTOR", "entityType": "task", "entityId": ABSENT, "role": "MEMBER",
    "id": identity("member"),
}  # fmt: skip

Place = tuple[str | int, ...]


def inner(kind: GraphQLInputType) -> GraphQLInputType:
    return kind.of_type if isinstance(kind, GraphQLNonNull) else kind


def required(kind: GraphQLInputType, name: str) -> Any:
    """The least that can be given."""
    kind = inner(kind)
    if isinstance(kind, GraphQLList):
        return [required(kind.of_type, name)]
    if isinstance(kind, GraphQLInputObjectType):
        return {key: required(field.type, key) for key, field in kind.fields.items() if is_required_input_field(field)}
    return GOOD[name]


def places(kind: GraphQLInputType, name: str, place: Place, seen: set[str]) -> Iterator[tuple[Place, GraphQLInputType]]:
    """Every leaf below an argument; the fields of an input type where it is met first."""
    kind = inner(kind)
    if isinstance(kind, GraphQLList):
        yield from places(kind.of_type, name, (*place, 0), seen)
    elif isinstance(kind, GraphQLInputObjectType):
        if kind.name not in seen:
            seen.add(kind.name)
            for key, field in kind.fields.items():
                yield from places(field.type, key, (*place, key), seen)
    else:
        assert is_leaf_type(kind)
        yield place, kind


def put(kind: GraphQLInputType, value: Any, place: Place, bad: Any) -> Any:
    """The value with something bad at its place, and whatever is required on the way there."""
    if not place:
        return bad
    kind = inner(kind)
    step, rest = place[0], place[1:]
    if isinstance(kind, GraphQLList):
        [item] = value or [None]
        return [put(kind.of_type, item, rest, bad)]
    assert isinstance(kind, GraphQLInputObjectType)
    field = kind.fields[str(step)]
    around = {**required(kind, ""), **(value or {})}
    return {**around, str(step): put(field.type, around.get(str(step)), rest, bad)}


def document(root: str, name: str, field: GraphQLField, arguments: Iterable[str]) -> str:
    declared = ", ".join(f"${argument}: {field.args[argument].type}" for argument in arguments)
    passed = ", ".join(f"{argument}: ${argument}" for argument in arguments)
    kind = get_named_type(field.type)
    selected = "errors { code path }" if root == "mutation" else "__typename"
    if "pageInfo" in getattr(kind, "fields", ()):
        selected = "pageInfo { hasNextPage }"
    return f"{root} ({declared}) {{ {name}({passed}) {{ {selected} }} }}"


def bad_values(kind: GraphQLInputType, name: str) -> tuple[Any, ...]:
    if isinstance(kind, GraphQLEnumType):
        return NO_ENUM
    assert isinstance(kind, GraphQLScalarType)
    texts = NO_TEXT if kind.name in {"ID", "String"} and name not in TAKEN else ()
    return (*NO_VALUE[kind.name], *texts)


@pytest.mark.parametrize("root", ["query", "mutation"])
async def test_every_bad_value_is_refused_with_the_path_to_it(gql: Client, world: World, root: str) -> None:
    wrong, tried = [], 0
    seen: set[str] = set()
    for name, field in getattr(build()._schema, f"{root}_type").fields.items():
        given = {
            argument: required(definition.type, argument)
            for argument, definition in field.args.items()
            if is_required_argument(definition)
        }
        for argument, definition in field.args.items():
            text = document(root, name, field, {**given, argument: None})
            for place, kind in places(definition.type, argument, (), seen):
                path = (argument, *place)
                leaf = next(step for step in reversed(path) if isinstance(step, str))
                for bad in bad_values(kind, leaf):
                    variables = {**given, argument: put(definition.type, given.get(argument), place, bad)}
                    answer = await gql(text, variables, token=world.token("service"))
                    tried += 1
                    if gql.last.status_code != 200 or not is_refused(answer, name, path, leaf):
                        wrong.append((name, path, bad, answer))
    assert wrong == []
    assert tried > {"query": 90, "mutation": 90}[root]


def is_refused(answer: dict[str, Any], name: str, path: tuple[str | int, ...], leaf: str) -> bool:
    """Whether nothing but the bad value is named, by the path to it."""
    if "errors" in answer:
        told = [error["extensions"] for error in answer["errors"]]
        if leaf in CURSORS and told == [{"code": "BAD_CURSOR"}]:
            return True
        return all(one["code"] == "BAD_USER_INPUT" and tuple(one.get("path", ())) == path for one in told)
    problems = (answer["data"][name] or {}).get("errors", [])
    # Beside the value itself, the whole of which it makes something that cannot be stored may be named.
    return any(leaf in problem["path"] for problem in problems) and all(
        problem["path"][0] == path[0] for problem in problems
    )
