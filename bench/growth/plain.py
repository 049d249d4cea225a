"""Plain Strawberry with SQLAlchemy's ORM, over the same tables: what a careful developer writes from the two documentations.

One session per request, whole objects, one statement per list (its joins too), Strawberry types made of what was loaded, a token
that is found by its id and compared by its hash. No limits, no masking, no redaction, no group commit, no row-level security.
"""

import hmac
import os
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import strawberry
from graphql import GraphQLError
from sqlalchemy import ColumnElement, Select, and_, case, func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.websockets import WebSocket
from strawberry.asgi import GraphQL
from strawberry.types.info import Info
from uuid_utils.compat import uuid7

import models
from bench.fanout.plain import serve
from bench.growth.plain_types import (
    ActivityEvent,
    ActivityEventFilter,
    Breakdown,
    CommentConnection,
    Dimension,
    EventConnection,
    LogActivitiesPayload,
    LogActivityInput,
    LogActivityPayload,
    PageInfo,
    TaskComment,
)
from models import Event
from schema.scalars import configuration
from trailcast.access.tokens import parse_token

PAGE = 50
COMMENT = "task.comment"
ACTIONS = {COMMENT: "commented", "task.updated": "updated"}


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks, and what may be seen."""

    workspace_id: UUID
    subject_id: UUID
    visible: ColumnElement[bool]


@dataclass(frozen=True, slots=True)
class Context:
    session: AsyncSession
    caller: Caller


Asked = Info[Context, None]


@strawberry.type
class Metrics:
    total: int
    failed: int
    error_rate_pct: float | None
    wanted: strawberry.Private[Sequence[ColumnElement[bool]]]

    @strawberry.field
    async def breakdown(self, info: Asked, by: Dimension) -> list[Breakdown]:
        column = getattr(Event, by.value)
        total, failed = func.count(), _failures()
        query = select(column, total, failed).where(*self.wanted).group_by(column).order_by(total.desc(), column)
        rows = await info.context.session.execute(query)
        return [Breakdown(key=row[0], total=row[1], failed=row[2]) for row in rows]


@strawberry.type
class AuditTrail:
    of: strawberry.Private[tuple[str, str]]

    @strawberry.field
    async def events(self, info: Asked, first: int = PAGE) -> EventConnection:
        query = (
            select(Event)
            .where(info.context.caller.visible, Event.entity_type == self.of[0], Event.entity_id == self.of[1])
            .order_by(Event.sequence)
        )
        return await _event_page(info, query, first)


@strawberry.type
class Query:
    @strawberry.field
    async def activity_events(
        self, info: Asked, filter: ActivityEventFilter | None = None, first: int = PAGE, after: str | None = None  # noqa: A002
    ) -> EventConnection:  # fmt: skip
        query = select(Event).where(info.context.caller.visible, *_conditions(filter)).order_by(Event.sequence.desc())
        if after is not None:
            query = query.where(Event.sequence < int(after))
        return await _event_page(info, query, first)

    @strawberry.field
    async def task_comments(self, info: Asked, first: int = PAGE) -> CommentConnection:
        here = Event.workspace_id
        query = (
            select(Event, models.Task, models.Board)
            .join(models.Task, and_(models.Task.workspace_id == here, models.Task.id == Event.task_id))
            .outerjoin(models.Board, and_(models.Board.workspace_id == here, models.Board.id == Event.board_id))
            .where(info.context.caller.visible, Event.event_type == COMMENT)
            .order_by(Event.sequence.desc())
            .limit(first + 1)
        )
        rows = (await info.context.session.execute(query)).all()
        nodes = [TaskComment.of(*row) for row in rows[:first]]
        end = str(rows[len(nodes) - 1][0].sequence) if nodes else None
        return CommentConnection(nodes=nodes, page_info=PageInfo(has_next_page=len(rows) > first, end_cursor=end))

    @strawberry.field
    async def audit_trail(self, entity_type: str, entity_id: strawberry.ID) -> AuditTrail:
        return AuditTrail(of=(entity_type, entity_id))

    @strawberry.field
    async def activity_metrics(
        self, info: Asked, since: datetime, until: datetime | None = None, filter: ActivityEventFilter | None = None  # noqa: A002
    ) -> Metrics:  # fmt: skip
        wanted = [info.context.caller.visible, Event.created_at >= since, *_conditions(filter)]
        if until is not None:
            wanted.append(Event.created_at < until)
        total, failed = (
            await info.context.session.execute(select(func.count(), _failures()).select_from(Event).where(*wanted))
        ).one()
        rate = failed / total * 100 if total else None
        return Metrics(total=total, failed=failed, error_rate_pct=rate, wanted=wanted)


@strawberry.type
class Mutation:
    @strawberry.mutation
    async def log_activity(self, info: Asked, input: LogActivityInput) -> LogActivityPayload:  # noqa: A002
        (event,) = await _write(info, [input])
        return LogActivityPayload(event=event, errors=[])

    @strawberry.mutation
    async def log_activities(self, info: Asked, inputs: list[LogActivityInput]) -> LogActivitiesPayload:
        return LogActivitiesPayload(events=await _write(info, inputs), errors=[])


async def _write(info: Asked, inputs: Sequence[LogActivityInput]) -> list[ActivityEvent]:
    session, caller = info.context.session, info.context.caller
    agent = await session.get_one(models.Agent, (caller.workspace_id, caller.subject_id))
    tasks = [await session.get_one(models.Task, (caller.workspace_id, UUID(one.task_id))) for one in inputs]
    head = await session.get_one(models.Head, caller.workspace_id, with_for_update=True)
    moment = await session.scalar(select(func.clock_timestamp()))
    assert moment is not None
    head.last_created_at = max(head.last_created_at, moment)
    events = []
    for one, task in zip(inputs, tasks, strict=True):
        head.last_sequence += 1
        events.append(_event(one, task, agent, head))
    session.add_all(events)
    shown = [ActivityEvent.of(event) for event in events]  # what was set; a commit would have it read again
    await session.commit()
    return shown


def _event(one: LogActivityInput, task: models.Task, agent: models.Agent, head: models.Head) -> Event:
    return Event(
        workspace_id=head.workspace_id,
        sequence=head.last_sequence,
        id=uuid7(),
        created_at=head.last_created_at,
        occurred_at=head.last_created_at,
        event_type=one.event_type,
        category=one.event_type.partition(".")[0],
        action=ACTIONS[one.event_type],
        outcome="SUCCESS",
        message=one.message,
        actor_kind="AGENT",
        actor_id=agent.id,
        actor_name=agent.name,
        actor_role=agent.role,
        agent_id=agent.id,
        board_id=task.board_id,
        task_id=task.id,
        entity_type="task",
        entity_id=str(task.id),
        entity_name=task.title,
        changes=[{"path": c.path, "before": c.before, "after": c.after} for c in one.changes or ()],
        metadata_=one.metadata,
        correlation_id=one.correlation_id,
    )


def _failures() -> ColumnElement[int]:
    return func.count(case((Event.outcome == "FAILURE", 1)))


def _conditions(wanted: ActivityEventFilter | None) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = []
    if wanted is not None and wanted.board_id is not None:
        found.append(Event.board_id.in_([UUID(one) for one in wanted.board_id]))
    if wanted is not None and wanted.agent_id is not None:
        found.append(Event.agent_id.in_([UUID(one) for one in wanted.agent_id]))
    if wanted is not None and wanted.text is not None:
        found.append(Event.message.icontains(wanted.text, autoescape=True))
    return found


async def _event_page(info: Asked, query: Select[Any], first: int) -> EventConnection:
    events = (await info.context.session.scalars(query.limit(first + 1))).all()
    nodes = [ActivityEvent.of(event) for event in events[:first]]
    end = str(nodes[-1].sequence) if nodes else None
    return EventConnection(nodes=nodes, page_info=PageInfo(has_next_page=len(events) > first, end_cursor=end))


async def authenticate(session: AsyncSession, request: Request | WebSocket) -> Caller:
    """The caller behind the token: its row by id, and for a person the membership and its boards."""
    token = parse_token(request.headers.get("authorization", "").removeprefix("Bearer "))
    found = await session.get(models.Credential, token.public_id) if token else None
    if token is None or found is None or not hmac.compare_digest(token.secret_sha256, found.secret_sha256):
        raise GraphQLError("Who are you?")
    if found.workspace_id is not None:
        return Caller(found.workspace_id, found.subject_id, and_(Event.workspace_id == found.workspace_id))
    member = models.Membership
    home = (await session.scalars(select(member).where(member.user_id == found.subject_id))).one()
    inside = Event.workspace_id == home.workspace_id
    if home.role == "MEMBER" and not home.all_boards_read:
        grant = models.BoardGrant
        query = select(grant.board_id).where(grant.workspace_id == home.workspace_id, grant.user_id == home.user_id)
        boards = (await session.scalars(query)).all()
        inside = and_(inside, or_(Event.board_id.in_(boards), Event.user_id == home.user_id))
    return Caller(home.workspace_id, home.user_id, inside)


engine = create_async_engine(os.environ.get("TRAILCAST_DATABASE_URL", "postgresql+asyncpg://"))
sessions = async_sessionmaker(engine, expire_on_commit=False)


class Door(GraphQL[Context, None]):
    """Strawberry's own view, with a session for each request."""

    async def run(self, *arguments: Any, **named: Any) -> Any:
        async with sessions() as session:
            arguments[0].state.session = session
            return await super().run(*arguments, **named)

    async def get_context(self, request: Request | WebSocket, response: Response | WebSocket) -> Context:  # noqa: ARG002
        session: AsyncSession = request.state.session
        return Context(session, await authenticate(session, request))


async def live(_request: Request) -> Response:
    return Response(status_code=204)


@asynccontextmanager
async def connected(_application: Starlette) -> AsyncGenerator[None]:
    yield
    await engine.dispose()


def application() -> Starlette:
    door = Door(strawberry.Schema(query=Query, mutation=Mutation, config=configuration()))
    return Starlette(routes=[Route("/graphql", door), Route("/livez", live)], lifespan=connected)


if __name__ == "__main__":
    serve(application())
