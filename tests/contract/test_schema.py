"""The contract: `schema.graphql` is what the code says, everything in it is explained, and nothing of the draft was forgotten."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from graphql import introspection_from_schema

from schema.build import build, schema_text

COMMITTED = Path(__file__).parents[2] / "schema.graphql"
BUILT_IN = {"String", "Int", "Float", "Boolean", "ID"}
PROMISED = {
    "Query": {
        "viewer", "node", "activityEvents", "activityEvent", "auditTrail", "taskComments", "activityMetrics", "eventTypes", "boards",
        "agents", "users", "tasks",
    },
    "Mutation": {"logActivity", "logActivities", "addTaskComment", "syncDirectory"},
    "Subscription": {"commentAdded", "activityLogged"},
}  # fmt: skip


def test_committed_schema_is_what_the_code_says() -> None:
    assert COMMITTED.read_text() == schema_text(), "run `make schema` and commit the difference"


@pytest.fixture(scope="module")
def types() -> list[dict[str, Any]]:
    """All types of the schema but those of GraphQL itself, as a client learns of them."""
    answer: Any = introspection_from_schema(build()._schema, specified_by_url=True)
    return [
        kind
        for kind in answer["__schema"]["types"]
        if not kind["name"].startswith("__") and kind["name"] not in BUILT_IN
    ]


def described(types: list[dict[str, Any]]) -> Iterator[tuple[str, str | None]]:
    """(where, description) of every type, field, argument, input field and enum value."""
    for kind in types:
        yield kind["name"], kind["description"]
        for field in kind["fields"] or ():
            yield f"{kind['name']}.{field['name']}", field["description"]
            for argument in field["args"]:
                yield f"{kind['name']}.{field['name']}({argument['name']})", argument["description"]
        for value in (*(kind["inputFields"] or ()), *(kind["enumValues"] or ())):
            yield f"{kind['name']}.{value['name']}", value["description"]


def test_everything_has_a_description_that_is_a_sentence(types: list[dict[str, Any]]) -> None:
    descriptions = dict(described(types))
    assert len(descriptions) > 300
    wrong = [where for where, text in descriptions.items() if not text or len(text) < 3 or text.strip() != text]
    assert wrong == []
    assert [where for where, text in descriptions.items() if text and text[-1] not in ".?!"] == []


def test_lists_of_a_connection_say_how_long_they_get(types: list[dict[str, Any]]) -> None:
    said = {where: text for where, text in described(types) if where.endswith(("Connection.nodes", "Connection.edges"))}
    assert len(said) == 12
    assert [where for where, text in said.items() if "200" not in (text or "")] == []


def test_every_argument_that_is_bounded_says_its_bounds(types: list[dict[str, Any]]) -> None:
    bounds = {"first": "200", "last": "200", "offset": "10000", "upTo": "10000"}
    silent = [
        where
        for where, text in described(types)
        for name, bound in bounds.items()
        if where.endswith(f"({name})") and bound not in (text or "")
    ]
    assert silent == []


def test_every_promised_root_field_is_there_and_no_other(types: list[dict[str, Any]]) -> None:
    roots = {kind["name"]: {field["name"] for field in kind["fields"]} for kind in types if kind["name"] in PROMISED}
    assert roots == PROMISED


def test_every_event_comment_and_entry_is_a_node(types: list[dict[str, Any]]) -> None:
    nodes = {kind["name"] for kind in types if any(one["name"] == "Node" for one in kind["interfaces"] or ())}
    assert nodes == {"ActivityEvent", "TaskComment", "Workspace", "Board", "Task", "Agent", "User"}


def test_connections_follow_the_cursor_specification(types: list[dict[str, Any]]) -> None:
    by_name = {kind["name"]: {field["name"]: field for field in kind["fields"] or ()} for kind in types}
    connections = {name for name in by_name if name.endswith("Connection")}
    assert connections == {
        f"{name}Connection" for name in ("ActivityEvent", "TaskComment", "Board", "Agent", "User", "Task")
    }
    for name in connections:
        edge = by_name[name.replace("Connection", "Edge")]
        assert {"edges", "nodes", "pageInfo"} <= set(by_name[name])
        assert set(edge) == {"cursor", "node"}
        assert ("totalCount" in by_name[name]) is (name in {"ActivityEventConnection", "TaskCommentConnection"})
    assert set(by_name["PageInfo"]) == {"hasNextPage", "hasPreviousPage", "startCursor", "endCursor"}


def test_scalars_say_where_they_are_specified(types: list[dict[str, Any]]) -> None:
    specified = {kind["name"]: kind["specifiedByURL"] for kind in types if kind["kind"] == "SCALAR"}
    assert specified == {
        "DateTime": "https://www.rfc-editor.org/rfc/rfc3339",
        "JSON": "https://www.rfc-editor.org/rfc/rfc8259",
        "BigInt": None,
    }


def test_nothing_is_deprecated_yet(types: list[dict[str, Any]]) -> None:
    """Who deprecates something says until when and what to use instead, and changes this."""
    deprecated = [
        f"{kind['name']}.{member['name']}"
        for kind in types
        for member in (*(kind["fields"] or ()), *(kind["enumValues"] or ()))
        if member["isDeprecated"]
    ]
    assert deprecated == []
