"""Loads the demo into a database that holds no workspace yet, through the engine, as a service of each company would.

Everything is one transaction, with `demo.json` written just before the commit: a load that is interrupted leaves a database as
empty as it was, and no tokens are ever lost to a demo that stays. Of two that load at the same time, one does.
"""

from collections.abc import Callable, Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from resolvers.context import ClientAddress
from resolvers.log import draft_events, named
from trailcast.access.principal import Credentials, Principal, load_principal
from trailcast.access.tokens import parse_token
from trailcast.clock import Clock, utc_now
from trailcast.demo.company import Company, Ids, companies
from trailcast.demo.handout import DemoWorkspace, Tokens
from trailcast.demo.story import tell
from trailcast.errors import Unauthenticated
from trailcast.ledger.admin import claim_unused, create_token, create_workspace, ensure_service
from trailcast.ledger.append import Submission, append
from trailcast.ledger.database import Database, writing_in
from trailcast.ledger.drafting import check
from trailcast.ledger.lookup import look_up
from trailcast.ledger.sync import Entry, sync
from trailcast.records import ActorKind, EventDraft, EventInput
from trailcast.settings import Settings

BATCH_EVENTS = 500
PATIENCE_MS = 120_000  # another process may be loading; and nobody waits for these locks but others who load
Keep = Callable[[Sequence[DemoWorkspace]], None]
Say = Callable[[str], None]


async def load_demo(url: str, settings: Settings, keep: Keep, say: Say, clock: Clock = utc_now) -> bool:
    """Load, and `keep` the tokens before the commit; False, and nothing done, where a workspace exists. Raises Unavailable."""
    patient = settings.model_copy(update={"lock_timeout_ms": PATIENCE_MS, "statement_timeout_ms": PATIENCE_MS})
    database = Database(url, patient)
    try:
        async with database.operating() as connection:
            if not await claim_unused(connection):
                return False
            keep([await _load(connection, settings, company, clock, say) for company in companies()])
        return True
    finally:
        await database.dispose()


async def draft_all(
    connection: AsyncConnection, principal: Principal, settings: Settings, given: Sequence[EventInput]
) -> list[EventDraft]:
    """Check, look up and draft, as `logActivities` does. An event of the demo that is refused is a defect."""
    checked = [check(one, settings) for one in given]
    names = named(principal.workspace.id, checked)
    found = await look_up(connection, [names])
    drafts, problems = draft_events(principal, checked, found[names.workspace_id], ClientAddress())
    if problems:
        raise ValueError(f"{len(problems)} events of the demo are refused, the first: {problems[0]}")
    return drafts


async def speak_as(connection: AsyncConnection, token: str, now: datetime) -> Principal:
    """The principal behind a token of the demo. Raises Unauthenticated."""
    parsed = parse_token(token)
    principal = None if parsed is None else await load_principal(connection, Credentials(parsed), now)
    if principal is None:
        raise Unauthenticated("A token of demo.json does not count any more: make a new one with `token create`.")
    return principal


async def _load(
    connection: AsyncConnection, settings: Settings, company: Company, clock: Clock, say: Say
) -> DemoWorkspace:
    now = clock()
    ids = Ids(await create_workspace(connection, company.name))
    story = tell(company, ids, now)
    say(f"Loading the demo: {len(story.events)} events of {company.name}")
    service = await ensure_service(connection, ids.workspace, company.service)
    service_token = await create_token(connection, ActorKind.SERVICE, ids.workspace, service, name="demo")
    principal = await speak_as(connection, service_token, now)
    # The workspace comes first in its own log, then who got access to it, then what they did.
    (began_at, opening), *history = story.events
    async with writing_in(connection, [ids.workspace]):
        await _append(connection, principal, settings, [(began_at, opening)])
        entries = directory(company, ids, story.statuses)
        synced = await sync(connection, ids.workspace, principal.actor, entries, recorded_at=began_at)
        if synced.problems:
            raise ValueError(f"the directory of the demo is refused: {synced.problems[0]}")
        for start in range(0, len(history), BATCH_EVENTS):
            await _append(connection, principal, settings, history[start : start + BATCH_EVENTS])
    return await _hand_out(connection, company, ids, service_token)


async def _append(
    connection: AsyncConnection, principal: Principal, settings: Settings, events: Sequence[tuple[datetime, EventInput]]
) -> None:
    drafts = await draft_all(connection, principal, settings, [given for _, given in events])
    await append(connection, [Submission(drafts)], [at for at, _ in events])


def directory(company: Company, ids: Ids, statuses: Sequence[str]) -> list[Entry]:
    """Everything that the events of a company name."""
    rows: list[tuple[str, dict[str, object]]] = [
        ("projects", {"id": UUID(ids.of("project", number)), "name": name})
        for number, name in enumerate(company.projects)
    ]
    rows += [
        ("boards", {
            "id": UUID(ids.of("board", number)), "name": board.name,
            "project_id": UUID(ids.of("project", company.projects.index(board.project))),
        })
        for number, board in enumerate(company.boards)
    ]  # fmt: skip
    rows += [
        ("users", {
            "id": UUID(ids.of("person", number)), "name": person.name, "role": person.role,
            "external_id": f"{company.service}|{person.name.lower().replace(' ', '.')}",
        })
        for number, person in enumerate(company.people)
    ]  # fmt: skip
    rows += [
        ("agents", {
            "id": UUID(ids.of("agent", number)), "name": agent.name, "role": agent.role,
            "board_id": None if agent.board is None else UUID(ids.of("board", agent.board)),
        })
        for number, agent in enumerate(company.agents)
    ]  # fmt: skip
    rows += [
        ("tasks", {
            "id": UUID(ids.of("task", number)), "title": title, "status": statuses[number],
            "board_id": UUID(ids.of("board", board)),
        })
        for number, (board, title) in enumerate(company.tasks)
    ]  # fmt: skip
    return [Entry(kind, index, values) for index, (kind, values) in enumerate(rows)] + _memberships(company, ids)


def _memberships(company: Company, ids: Ids) -> list[Entry]:
    entries = []
    for number, person in enumerate(company.people):
        values = {"user_id": UUID(ids.of("person", number)), "role": person.membership.value}
        grants = {UUID(ids.of("board", board)): (True, False) for board in person.reads}
        grants |= {UUID(ids.of("board", board)): (True, True) for board in person.writes}
        entries.append(Entry("memberships", number, values, grants))
    return entries


async def _hand_out(connection: AsyncConnection, company: Company, ids: Ids, service_token: str) -> DemoWorkspace:
    async def token(kind: ActorKind, subject_id: str) -> str:
        return await create_token(connection, kind, ids.workspace, UUID(subject_id), name="demo")

    return DemoWorkspace(
        id=ids.workspace,
        name=company.name,
        tokens=Tokens(
            owner=await token(ActorKind.USER, ids.of("person", 0)),
            member=await token(ActorKind.USER, ids.of("person", 1)),
            agent=await token(ActorKind.AGENT, ids.of("agent", 0)),
            agent2=await token(ActorKind.AGENT, ids.of("agent", 1)),
            service=service_token,
        ),
        agents=tuple(UUID(ids.of("agent", number)) for number in range(len(company.agents))),
        boards=tuple(UUID(ids.of("board", number)) for number in range(len(company.boards))),
        tasks=tuple(UUID(ids.of("task", number)) for number in range(len(company.tasks))),
    )
