"""What a writer is shown of its event without reading is what would be read, and calls that are drafted again are told the same."""

from dataclasses import fields, replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest

from resolvers.context import ClientAddress
from resolvers.log import add_task_comment, draft_events, log_activities, named
from tests.support.world import World, engine_context
from trailcast.ledger.database import Database
from trailcast.ledger.drafting import check
from trailcast.ledger.lookup import Found, Names, look_up
from trailcast.ledger.reader import read_events
from trailcast.ledger.written import KNOWN, is_known
from trailcast.records import ActorKind, CommentRecord, EventInput, EventRecord, Outcome, ProblemCode
from trailcast.settings import Settings

CLIENT = ClientAddress("192.0.2.7", "curl/8")


def inputs(world: World, *, as_service: bool) -> list[EventInput]:
    """Events that differ in all that a record shows."""
    texts: dict[str, Any] = {"message": "Tëxt\n\t \U0001f600", "entity_name": "Näme", "correlation_id": "run 1"}
    acting: dict[str, Any] = {"actor_kind": ActorKind.AGENT, "actor_id": world.id("bot")} if as_service else {}
    board, task, member = world.id("alpha"), world.id("alpha_task"), world.id("member")
    return [
        EventInput(event_type="agent.heartbeat"),
        EventInput(event_type="approval.requested", board_id=board, outcome=Outcome.DENIED, action="asked", **texts),
        EventInput(event_type="board.updated", board_id=board.upper(), **acting),
        EventInput(event_type="task.execution.failed", task_id=task, idempotency_key="once"),
        EventInput(event_type="task.comment", task_id=task, message=" x "),
        EventInput(event_type="a.b", entity_type="invoice", entity_id="Invoice-7"),
        EventInput(event_type="a.b", entity_type="task", entity_id=task.upper(), task_id=task),
        EventInput(event_type="a.b", occurred_at=datetime(1999, 12, 31, 23, 59, 59, 123456, tzinfo=UTC)),
        EventInput(event_type="a.b", on_behalf_of_kind=ActorKind.USER, on_behalf_of_id=member, metadata={"b": 1, "a": 2}),
    ]  # fmt: skip


def differences(one: EventRecord, other: EventRecord) -> list[str]:
    assert type(one) is type(other)
    return [field.name for field in fields(one) if getattr(one, field.name) != getattr(other, field.name)]


@pytest.mark.parametrize("caller", ["service", "owner", "member", "bot"])
async def test_an_event_is_shown_as_it_would_be_read(
    database: Database, settings: Settings, world: World, caller: str
) -> None:
    settings = settings.model_copy(update={"store_client_address": True})
    context = engine_context(database, settings, world.token(caller))
    context.client = CLIENT
    assert is_known(KNOWN)
    batch = await log_activities(context, inputs(world, as_service=caller == "service"), KNOWN)
    assert batch.problems == ()
    commented = await add_task_comment(context, world.id("alpha_task"), "Hi", None, KNOWN)
    assert isinstance(commented.event, CommentRecord)
    scope = (await context.caller.principal()).scope
    async with database.reading(UUID(world.acme)) as connection:
        numbers = [event.sequence for event in batch.events]
        read = await read_events(connection, scope, numbers, KNOWN)
        comment = await read_events(connection, scope, [commented.event.sequence], KNOWN, comments=True)
    assert len(read) == 9
    assert [differences(event, read[event.sequence]) for event in batch.events] == [[]] * 9
    assert differences(commented.event, comment[commented.event.sequence]) == []
    assert {event.ip_address for event in batch.events} == {CLIENT.ip_address if scope.everything else None}


def test_what_may_come_back_otherwise_than_it_was_handed_in_is_read() -> None:
    for path in ("metadata", "changes", "changes.path", "board", "board.name", "task", "task_title", "board_name"):
        assert not is_known(frozenset({"id", path})), path


async def test_names_are_found_in_their_own_workspace_only(database: Database, world: World) -> None:
    acme, globex = UUID(world.acme), UUID(world.globex)
    task, board = UUID(world.id("alpha_task")), UUID(world.id("alpha"))
    async with database.writing([acme, globex]) as connection:
        found = await look_up(
            connection, [Names(globex, [board], [task]), Names(acme, tasks=[task]), Names(acme, [board])]
        )
        assert await look_up(connection, [Names(acme)]) == {acme: Found()}
        crossed = [Names(acme, tasks=[UUID(world.id("globex_task"))]), Names(globex, tasks=[task])]
        assert await look_up(connection, crossed) == {acme: Found(), globex: Found()}
    assert found[globex] == Found()
    assert (list(found[acme].tasks), list(found[acme].boards)) == ([task], [board])


async def test_a_call_that_is_drafted_again_is_told_the_same(
    database: Database, settings: Settings, world: World
) -> None:
    principal = await engine_context(database, settings, world.token("member")).caller.principal()
    hidden = EventInput(
        event_type="a.b",
        board_id=world.id("gamma"),
        on_behalf_of_kind=ActorKind.AGENT,
        on_behalf_of_id=world.id("alpha"),
    )
    checked = [check(EventInput(event_type="a.b"), settings), check(hidden, settings)]
    assert named(principal.workspace.id, checked)
    told = [draft_events(principal, checked, Found(), ClientAddress()) for _ in range(2)]
    assert told[0] == told[1]
    drafts, problems = told[0]
    assert [(problem.code, problem.path) for problem in problems] == [
        (ProblemCode.NOT_FOUND, ("1", "onBehalfOf")), (ProblemCode.NOT_FOUND, ("1", "boardId")),
    ]  # fmt: skip
    assert drafts == [replace(drafts[0])]
