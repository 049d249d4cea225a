"""Every bound of an event: what is at it passes, what is one beyond is refused with a code and the path to it. Nothing is cut."""

from typing import Any
from unittest import mock
from uuid import UUID

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.clients import Client
from tests.support.world import World
from trailcast.ledger import drafting
from trailcast.ledger.drafting import check
from trailcast.records import ActorKind, ActorRef, EventInput, FieldChange
from trailcast.settings import Settings

SETTINGS = Settings()
KIB = 1024
TASK = "0b0e2c4e-7a0e-4f8e-9d2c-0c2f3a4b5c6d"


def findings(**fields: Any) -> list[tuple[str, tuple[str, ...]]]:
    """(code, path) of everything that is wrong with such an event."""
    checked = check(EventInput(**{"event_type": "task.updated", **fields}), SETTINGS)
    return [(problem.code.value, problem.path) for problem in checked.problems]


def nested(levels: int) -> dict[str, Any]:
    """An object of this many levels."""
    value: dict[str, Any] = {}
    for _ in range(levels - 1):
        value = {"in": value}
    return value


def object_of(size_bytes: int) -> dict[str, str]:
    """An object whose JSON has this many bytes."""
    return {"text": "x" * (size_bytes - len(orjson.dumps({"text": ""})))}


def changes_of(size_bytes: int) -> tuple[FieldChange, ...]:
    """A list of one change whose JSON has this many bytes."""
    empty = [{"path": "a", "before": None, "after": ""}]
    return (FieldChange("a", None, "x" * (size_bytes - len(orjson.dumps(empty)))),)


AT_THE_BOUND: list[tuple[dict[str, Any], dict[str, Any], str, tuple[str, ...]]] = [
    ({"event_type": "a." + "b" * 98}, {"event_type": "a." + "b" * 99}, "INVALID", ("eventType",)),
    ({"action": "a" * 50}, {"action": "a" * 51}, "INVALID", ("action",)),
    ({"message": "x" * 16 * KIB}, {"message": "x" * (16 * KIB + 1)}, "TOO_LARGE", ("message",)),
    # Bytes of UTF-8, not characters: the last character does not fit.
    ({"message": "é" * 8 * KIB}, {"message": "é" * 8 * KIB + "x"}, "TOO_LARGE", ("message",)),
    ({"metadata": object_of(32 * KIB)}, {"metadata": object_of(32 * KIB + 1)}, "TOO_LARGE", ("metadata",)),
    ({"metadata": nested(8)}, {"metadata": nested(9)}, "TOO_LARGE", ("metadata",)),
    ({"metadata": {"in": [[[[[[[1]]]]]]]}}, {"metadata": {"in": [[[[[[[[1]]]]]]]]}}, "TOO_LARGE", ("metadata",)),
    ({"changes": (FieldChange("a"),) * 200}, {"changes": (FieldChange("a"),) * 201}, "TOO_LARGE", ("changes",)),
    ({"changes": changes_of(32 * KIB)}, {"changes": changes_of(32 * KIB + 1)}, "TOO_LARGE", ("changes",)),
    (
        {"changes": (FieldChange("a", nested(8), nested(8)),)},
        {"changes": (FieldChange("a", None, nested(9)),)},
        "TOO_LARGE",
        ("changes",),
    ),
    (
        {"changes": (FieldChange("a"), FieldChange("p" * 200))},
        {"changes": (FieldChange("a"), FieldChange("p" * 201))},
        "INVALID",
        ("changes", "1", "path"),
    ),
    ({"entity_type": "e" * 50}, {"entity_type": "e" * 51}, "INVALID", ("entity", "type")),
    ({"entity_id": "e" * 200}, {"entity_id": "e" * 201}, "TOO_LARGE", ("entity", "id")),
    ({"entity_name": "e" * 200}, {"entity_name": "e" * 201}, "TOO_LARGE", ("entityName",)),
    ({"correlation_id": "e" * 200}, {"correlation_id": "e" * 201}, "TOO_LARGE", ("correlationId",)),
    ({"idempotency_key": "e" * 200}, {"idempotency_key": "e" * 201}, "TOO_LARGE", ("idempotencyKey",)),
    ({"metadata": {"n": 2**64 - 1}}, {"metadata": {"n": 2**64}}, "INVALID", ("metadata",)),
    ({"metadata": {"n": -(2**63)}}, {"metadata": {"n": -(2**63) - 1}}, "INVALID", ("metadata",)),
]  # fmt: skip


@pytest.mark.parametrize(("good", "bad", "code", "path"), AT_THE_BOUND)
def test_at_the_bound_passes_and_one_beyond_is_refused(
    good: dict[str, Any], bad: dict[str, Any], code: str, path: tuple[str, ...]
) -> None:
    assert findings(**good) == []
    assert findings(**bad) == [(code, path)]


@pytest.mark.parametrize("well_formed", ["a.b", "task.comment_x", "task.execution.failed", "a1_.2b.c"])
def test_well_formed_types_are_accepted_whether_known_or_not(well_formed: str) -> None:
    assert findings(event_type=well_formed) == []


@pytest.mark.parametrize(
    "malformed",
    [
        "",
        "task",
        "task.",
        ".task",
        "task..x",
        "Task.created",
        "task.Created",
        "1task.x",
        "task created",
        "task.x\n",
        "tâche.x",
        "_a.b",
    ],
)
def test_malformed_types_are_refused(malformed: str) -> None:
    assert findings(event_type=malformed) == [("INVALID", ("eventType",))]


@pytest.mark.parametrize("word", ["", "Moved", "1st", "two words", "a-b", "moved\n", "é"])
def test_words_are_lower_case_and_plain(word: str) -> None:
    assert findings(action=word) == [("INVALID", ("action",))]
    assert findings(entity_type=word) == [("INVALID", ("entity", "type"))]


@pytest.mark.parametrize("unstorable", ["a\0b", "\ud800", "x\udfffy"])
def test_text_that_cannot_be_stored_is_refused_everywhere(unstorable: str) -> None:
    texts = {
        "message": ("message",),
        "entity_id": ("entity", "id"),
        "entity_name": ("entityName",),
        "correlation_id": ("correlationId",),
        "idempotency_key": ("idempotencyKey",),
    }
    for name, path in texts.items():
        assert findings(**{name: unstorable}) == [("INVALID", path)]
    for metadata in ({"a": unstorable}, {unstorable: 1}, {"a": [{"b": unstorable}]}):
        assert findings(metadata=metadata) == [("INVALID", ("metadata",))]
    assert findings(changes=(FieldChange("a", unstorable, 1),)) == [("INVALID", ("changes",))]


def test_a_path_of_a_change_that_cannot_be_stored_is_refused() -> None:
    assert ("INVALID", ("changes", "0", "path")) in findings(changes=(FieldChange("a\0", 1, 2),))


@pytest.mark.parametrize("name", ["entity_id", "entity_name", "correlation_id", "idempotency_key"])
def test_a_short_text_that_is_given_is_not_empty(name: str) -> None:
    assert [code for code, _ in findings(**{name: ""})] == ["INVALID"]


@pytest.mark.parametrize("number", [float("inf"), float("-inf"), float("nan")])
def test_numbers_that_json_does_not_have_are_refused(number: float) -> None:
    assert findings(metadata={"n": number}) == [("INVALID", ("metadata",))]
    assert findings(changes=(FieldChange("a", number),)) == [("INVALID", ("changes",))]


@pytest.mark.parametrize("metadata", [[], [1], "text", 1, True, 0.5])
def test_metadata_is_an_object(metadata: object) -> None:
    assert findings(metadata=metadata) == [("INVALID", ("metadata",))]


@pytest.mark.parametrize("blank", [None, "", " ", "\n\t \u00a0\u2003"])
def test_a_comment_needs_words_and_a_task(blank: str | None) -> None:
    assert findings(event_type="task.comment", message=blank) == [("INVALID", ("message",)), ("INVALID", ("taskId",))]
    assert findings(event_type="task.comment", message=" x ", task_id=TASK) == []
    assert findings(event_type="task.updated", message=blank) == []


@pytest.mark.parametrize(("name", "path"), [("board_id", "boardId"), ("task_id", "taskId")])
def test_ids_are_uuids(name: str, path: str) -> None:
    assert findings(**{name: TASK}) == []
    assert findings(**{name: TASK + "0"}) == [("INVALID", (path,))]
    assert findings(**{name: ""}) == [("INVALID", (path,))]


def test_actors_are_named_by_uuid_and_nobody_acts_for_a_service_or_the_system() -> None:
    assert findings(actor_kind=ActorKind.AGENT, actor_id="bot") == [("INVALID", ("actor", "id"))]
    for kind in (ActorKind.AGENT, ActorKind.USER):
        assert findings(on_behalf_of_kind=kind, on_behalf_of_id=TASK) == []
    for kind in (ActorKind.SERVICE, ActorKind.SYSTEM):
        assert findings(on_behalf_of_kind=kind, on_behalf_of_id=TASK) == [("INVALID", ("onBehalfOf", "kind"))]


def test_everything_that_is_wrong_is_said_at_once() -> None:
    found = findings(
        event_type="X", action="X", message="\0", task_id="x", entity_id="", metadata=[], changes=(FieldChange(""),)
    )
    assert [path for _, path in found] == [
        ("eventType",), ("action",), ("entity", "id"), ("message",), ("taskId",), ("metadata",), ("changes", "0", "path"),
    ]  # fmt: skip


def test_what_trailcast_knows_is_found_under_any_spelling_of_its_id() -> None:
    spelled = check(EventInput(event_type="a.b", entity_type="task", entity_id=TASK.upper()), SETTINGS)
    foreign = check(EventInput(event_type="a.b", entity_type="invoice", entity_id="Invoice-7"), SETTINGS)
    assert (spelled.entity_id, foreign.entity_id) == (TASK, "Invoice-7")


keys = st.sampled_from(
    [
        "a",
        "path",
        "password",
        "api_key",
        "max_tokens",
        "tokens",
        "k" * 70,
        f"{'k' * 70}_secret",
        "\0",
        "\ud800",
        "\\u0000",
    ]
)
leaves = st.sampled_from(
    [
        None,
        True,
        0,
        -1,
        2**63,
        2**64,
        -(2**63) - 1,
        0.5,
        float("inf"),
        float("nan"),
        "",
        "text",
        "x" * 90,
        "\0",
        "\udfff",
        "\\u0000",
    ]
)
trees = st.recursive(
    leaves, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=3), max_leaves=8
)
paths = st.sampled_from(["a", "a.b", "users[0].password", "password/a", "max_tokens", "", "\0", "k" * 200, "k" * 201])
field_changes = st.lists(st.builds(FieldChange, paths, trees, trees), max_size=3)


@given(st.dictionaries(keys, trees, max_size=3) | trees, field_changes)
def test_what_is_told_to_be_clean_at_once_is_what_a_closer_look_would_leave_as_it_is(
    metadata: object, changes: list[FieldChange]
) -> None:
    small = SETTINGS.model_copy(update={"metadata_depth_max": 3, "metadata_bytes_max": 150, "changes_bytes_max": 200})
    event = EventInput(event_type="a.b", metadata=metadata, changes=changes)
    at_once = check(event, small)
    with mock.patch.object(drafting, "is_clean", return_value=False):
        closely = check(event, small)
    assert at_once == closely
    assert orjson.dumps(at_once.metadata) == orjson.dumps(closely.metadata)


def test_most_of_what_comes_is_told_at_once() -> None:
    metadata = {"attempt": 1, "cost": 0.5, "model": "large", "tags": ["a", None], "nested": {"ok": True}}
    changes = (FieldChange("status", "todo", "doing"), FieldChange("labels", None, ["a"]))
    with mock.patch.object(drafting, "json_problem") as closer, mock.patch.object(drafting, "redact") as redact:
        checked = check(EventInput(event_type="a.b", metadata=metadata, changes=changes, message="é"), SETTINGS)
    assert not closer.called
    assert not redact.called
    assert checked.metadata is metadata
    stored = [{"path": one.path, "before": one.before, "after": one.after} for one in changes]
    assert checked.changes == stored
    assert checked.size_bytes == len(orjson.dumps(metadata)) + len(orjson.dumps(stored)) + 2


def test_a_key_stands_for_the_same_in_every_version() -> None:
    """Keys are for ever: what one stood for was stored by whichever version wrote it."""
    event = EventInput(
        event_type="a.b", task_id=TASK, board_id=TASK, metadata={"b": 1, "password": "x", "a": [1.5]},
        changes=(FieldChange("a", 1, None),), idempotency_key="k", on_behalf_of_kind=ActorKind.USER, on_behalf_of_id=TASK,
    )  # fmt: skip
    found = check(event, SETTINGS).content_sha256(ActorRef(ActorKind.AGENT, UUID(TASK)))
    assert found.hex() == "04632ed0311ad1e4814f25cb47996f946f2a29e1ebeb7a479aa3561816f291b9"


async def test_a_time_without_an_offset_or_that_never_was_is_refused(gql: Client, world: World) -> None:
    document = 'mutation ($at: DateTime) { logActivity(input: {eventType: "a.b", occurredAt: $at}) { replayed } }'
    for moment in ("2026-01-01T00:00:00", "2026-01-01", "now", "", 1_700_000_000, "2026-02-30T00:00:00Z"):
        assert await gql.codes(document, {"at": moment}, token=world.token("bot")) == ["BAD_USER_INPUT"], moment


async def test_the_largest_event_there_may_be_is_stored_as_it_was_given(gql: Client, world: World) -> None:
    document = """
    mutation ($input: LogActivityInput!) {
      logActivity(input: $input) {
        event {
          eventType action message metadata changes { path before after } correlationId entityType entityId entityName
          occurredAt
        }
        errors { code path }
      }
    }
    """
    event = {
        "eventType": "a." + "b" * 98,
        "action": "a" * 50,
        "message": "é" * 8 * KIB,
        "metadata": object_of(32 * KIB),
        "changes": [{"path": "p" * 200, "before": nested(8), "after": [1, "two", None, 0.5, 2**63 - 1]}],
        "correlationId": "c" * 200,
        "entityName": "n" * 200,
        "occurredAt": "2026-01-01T00:00:00.123456+00:00",
    }
    given = {**event, "entity": {"type": "e" * 50, "id": "i" * 200}}
    answer = await gql.data(document, {"input": given}, token=world.token("bot"))
    expected = {**event, "entityType": "e" * 50, "entityId": "i" * 200}
    assert answer["logActivity"] == {"event": expected, "errors": []}
