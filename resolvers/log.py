"""Writing events: who may write what and where, then hand over to the writers. Identity comes from the credential.

In this order: shapes and bounds without a database; one look-up of all that a group of calls names; rights; then the log. What the
caller can mend comes back as problems with paths, for every event of a batch at once. Hidden and absent boards and tasks give the
same problem. A refused event leaves nothing behind and rings no bell.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from resolvers.context import ClientAddress, Context
from trailcast.access.principal import Principal
from trailcast.access.tokens import TokenScope
from trailcast.errors import BadUserInput
from trailcast.ledger.append import Receipt
from trailcast.ledger.catalogue import COMMENT, describe
from trailcast.ledger.columns import Selection
from trailcast.ledger.drafting import Checked, check
from trailcast.ledger.lookup import Found, Names, look_up
from trailcast.ledger.reader import read_events
from trailcast.ledger.written import is_known, record_of
from trailcast.records import (
    Actor,
    ActorKind,
    ActorRef,
    EventDraft,
    EventInput,
    EventRecord,
    Logged,
    Problem,
    ProblemCode,
)  # fmt: skip

SYSTEM_NAME = "System"


@dataclass(frozen=True, slots=True)
class Batch:
    """What became of several events: all of them, or none and the problems, each under its index."""

    events: Sequence[EventRecord]
    replayed: Sequence[bool]
    problems: Sequence[Problem]


async def log_activity(
    context: Context, given: EventInput, selection: Selection | None, *, as_comment: bool = False
) -> Logged:
    """Write one event. `selection` None: the event itself is not asked back. Problems' paths begin at the input.

    Raises Unauthenticated, Unavailable.
    """
    batch = await _log(context, [given], selection, as_comments=as_comment)
    if batch.problems:
        return Logged(problems=[Problem(problem.code, problem.message, problem.path[1:]) for problem in batch.problems])
    return Logged(batch.events[0] if batch.events else None, replayed=batch.replayed[0])


async def log_activities(context: Context, given: Sequence[EventInput], selection: Selection | None) -> Batch:
    """Write all or none. Raises BadUserInput for too many, Unauthenticated, Unavailable."""
    if len(given) > context.settings.batch_events_max:
        raise BadUserInput(f"inputs may have {context.settings.batch_events_max} events.", ["inputs"])
    return await _log(context, given, selection)


async def add_task_comment(
    context: Context, task_id: str, message: str, idempotency_key: str | None, selection: Selection | None
) -> Logged:
    """Comment on a task as oneself. Raises Unauthenticated, Unavailable."""
    given = EventInput(event_type=COMMENT, task_id=task_id, message=message, idempotency_key=idempotency_key)
    return await log_activity(context, given, selection, as_comment=True)


async def _log(
    context: Context, given: Sequence[EventInput], selection: Selection | None, *, as_comments: bool = False
) -> Batch:
    # What it wrote is shown to it whatever its scopes: that it knows.
    principal = await context.caller.principal(TokenScope.WRITE)
    checked = [check(one, context.settings) for one in given]
    if not checked:
        return Batch((), (), ())
    client = context.client if context.settings.store_client_address else ClientAddress()
    names = named(principal.workspace.id, checked)
    if any(one.problems for one in checked):
        # All else that is wrong with it is told at once, and no writer waits for that.
        found = await _found(context, names)
        return Batch((), (), draft_events(principal, checked, found, client)[1])
    drafted: list[EventDraft] = []
    refused: list[Problem] = []

    def draft(found: Found) -> Sequence[EventDraft]:
        # Anew each time: a group that failed is written again, call by call.
        drafted[:], refused[:] = draft_events(principal, checked, found, client)
        return () if refused else drafted

    size_bytes = sum(one.size_bytes for one in checked)
    receipt = await context.writers.draft_and_append(names, len(checked), size_bytes, draft)
    problems = refused or [problem.under(str(index)) for index, problem in receipt.problems]
    if problems:
        return Batch((), (), problems)
    return await _show(context, principal, drafted, receipt, selection, comments=as_comments)


async def _found(context: Context, names: Names) -> Found:
    if not names:
        return Found()
    async with context.database.reading(names.workspace_id) as connection:
        return (await look_up(connection, [names]))[names.workspace_id]


def named(workspace_id: UUID, checked: Sequence[Checked]) -> Names:
    """The boards, tasks and actors that have to be looked up before these inputs can be drafted."""
    return Names(
        workspace_id,
        {one.board_id for one in checked if one.board_id is not None},
        {one.task_id for one in checked if one.task_id is not None},
        {ref for one in checked for ref in (one.actor, one.on_behalf_of) if ref is not None},
    )


def draft_events(
    principal: Principal, checked: Sequence[Checked], found: Found, client: ClientAddress
) -> tuple[list[EventDraft], list[Problem]]:
    """The events to be written, and what is wrong with the others, under their indices."""
    drafts: list[EventDraft] = []
    problems: list[Problem] = []
    for index, one in enumerate(checked):
        wrong = list(one.problems)
        draft = _draft(principal, one, found, client, wrong)
        if draft is not None:
            drafts.append(draft)
        if wrong:
            problems += [problem.under(str(index)) for problem in wrong]
    return drafts, problems


async def _show(
    context: Context,
    principal: Principal,
    drafts: Sequence[EventDraft],
    receipt: Receipt,
    selection: Selection | None,
    *,
    comments: bool,
) -> Batch:
    """The events as the caller sees them: made of their drafts if that tells all, else read through the gate like any others."""
    scope, replayed = principal.scope, [appended.replayed for appended in receipt.appended]
    if selection is None:
        return Batch((), replayed, ())
    if is_known(selection) and not any(replayed):
        shown = [
            record_of(draft, appended, scope, selection, comment=comments)
            for draft, appended in zip(drafts, receipt.appended, strict=True)
        ]
        return Batch([event for event in shown if event is not None], replayed, ())
    numbers = [appended.sequence for appended in receipt.appended]
    async with context.database.reading(principal.workspace.id) as connection:
        events = await read_events(connection, scope, numbers, selection, comments=comments)
    return Batch([events[number] for number in numbers if number in events], replayed, ())


def _draft(
    principal: Principal, one: Checked, found: Found, client: ClientAddress, wrong: list[Problem]
) -> EventDraft | None:
    """The event to be written, or None with what is wrong added to that."""
    given = one.input
    actor = _actor(principal, one, found, wrong)
    behalf = None if one.on_behalf_of is None else _known(one.on_behalf_of, found)
    if one.on_behalf_of is not None and behalf is None:
        wrong.append(_not_found("onBehalfOf"))
    board_id = _place(principal, one, found, wrong)
    if wrong:
        return None
    entity = _entity(one, found, actor, board_id)
    category, action, outcome = describe(given.event_type)
    return EventDraft(
        workspace_id=principal.workspace.id,
        event_type=given.event_type,
        category=category,
        action=given.action or action,
        outcome=given.outcome or outcome,
        message=given.message,
        actor=actor,
        on_behalf_of=behalf,
        board_id=board_id,
        task_id=one.task_id,
        entity_type=entity[0],
        entity_id=entity[1],
        entity_name=given.entity_name or entity[2],
        changes=one.changes,
        metadata=one.metadata,
        ip_address=client.ip_address,
        user_agent=client.user_agent,
        correlation_id=given.correlation_id,
        idempotency_key=given.idempotency_key,
        content_sha256=None if given.idempotency_key is None else one.content_sha256(ActorRef(actor.kind, actor.id)),
        occurred_at=given.occurred_at,
    )


def _actor(principal: Principal, one: Checked, found: Found, wrong: list[Problem]) -> Actor:
    """Who did it: the caller itself, or for a service whomever it names."""
    if one.input.actor_kind is None:
        return principal.actor
    if not principal.is_service:
        message = "Only a service may name the actor: leave actor out, and you are it."
        wrong.append(Problem(ProblemCode.FORBIDDEN, message, ("actor",)))
        return principal.actor
    known = None if one.actor is None else _known(one.actor, found)
    if known is None and one.actor is not None:
        wrong.append(_not_found("actor"))
    return known or principal.actor


def _known(reference: ActorRef, found: Found) -> Actor | None:
    # The system is no entry of the directory: whoever may name actors says which part of it acted.
    if reference.kind is ActorKind.SYSTEM:
        return Actor(ActorKind.SYSTEM, reference.id, SYSTEM_NAME)
    return found.actors.get(reference)


def _place(principal: Principal, one: Checked, found: Found, wrong: list[Problem]) -> UUID | None:
    """The board on which it happened, if the principal may write there; a task's board where only a task is named."""
    board_id, task_id = one.board_id, one.task_id
    if board_id is not None and (board_id not in found.boards or board_id not in principal.scope.boards):
        wrong.append(_not_found("boardId"))
        return None
    if task_id is not None:
        task = found.tasks.get(task_id)
        visible = task is not None and (
            task.board_id in principal.scope.boards if task.board_id is not None else principal.scope.everything
        )
        if task is None or not visible:
            wrong.append(_not_found("taskId"))
            return None
        if board_id is not None and task.board_id is not None and task.board_id != board_id:
            message = "The task is on another board: leave boardId out, or give the task's."
            wrong.append(Problem(ProblemCode.INVALID, message, ("boardId",)))
            return None
        board_id = board_id or task.board_id
    if board_id is not None and board_id not in principal.writable:
        path = ("boardId",) if one.board_id is not None else ("taskId",)
        wrong.append(Problem(ProblemCode.FORBIDDEN, "You may read this board but not write to it.", path))
        return None
    return board_id


def _entity(one: Checked, found: Found, actor: Actor, board_id: UUID | None) -> tuple[str, str, str | None]:
    """(type, id, name) of what it is about: as given, else the task, else the board, else the actor."""
    entity_type, entity_id, task_id = one.input.entity_type, one.entity_id, one.task_id
    if entity_type is None or entity_id is None:
        if task_id is not None:
            return "task", str(task_id), found.tasks[task_id].title
        if board_id is not None:
            entity_type, entity_id = "board", str(board_id)
        else:
            entity_type, entity_id = actor.kind.value.lower(), str(actor.id)
    if entity_type == "task" and task_id is not None and entity_id == str(task_id):
        return entity_type, entity_id, found.tasks[task_id].title
    if entity_type == "board" and one.board_id is not None and entity_id == str(one.board_id):
        return entity_type, entity_id, found.boards.get(one.board_id)
    return entity_type, entity_id, actor.name if entity_id == str(actor.id) else None


def _not_found(name: str) -> Problem:
    return Problem(ProblemCode.NOT_FOUND, f"Nothing with this {name} is visible to you.", (name,))
