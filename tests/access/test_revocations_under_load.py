"""A thousand rights that end at random moments while everybody writes and reads: nothing that is committed afterwards comes by them.

When a right ends is the place in the log at which its end was committed, read in the same transaction under the head's lock. Readers
are spread over two servers on one database. What nobody took away must all come, so that silence is no way to pass.
"""

import asyncio
import itertools
import math
import random
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from uuid import UUID, uuid4

import asyncpg
import orjson
import pytest

from tests.access.effects import connected
from tests.access.test_streams import followers
from tests.ledger.drafts import draft
from tests.support.clients import Socket, open_socket
from tests.support.serving import RunningServer, running_server
from tests.support.waiting import DEADLINE_S, until
from tests.support.world import World
from trailcast.access.tokens import parse_token
from trailcast.ledger.admin import create_token
from trailcast.records import Actor, ActorKind, EventDraft
from trailcast.settings import Settings

BOARDS, WATCHERS, LEAVERS, AGENTS = 100, 12, 9, 6
GRANTS_LATER = 8  # of each watcher: boards that it comes to read on the way
RIGHTS_PER_CHANGE = (4, 18)
EVENTS_PER_BATCH, EVENTS_BETWEEN_CHANGES = 12, 4
REVOCATIONS_MIN = 1000
STREAM = "subscription { activityLogged { sequence message } }"
LAST = "the last"
NEVER = math.inf

WHOSE = "(user_id, board_id) IN (SELECT * FROM unnest($2::uuid[], $3::uuid[]))"
DELETE_GRANTS = f"DELETE FROM board_grants WHERE workspace_id = $1 AND {WHOSE}"
EMPTY_GRANTS = f"UPDATE board_grants SET can_read = false, can_write = false WHERE workspace_id = $1 AND {WHOSE}"
GIVE_GRANTS = (
    "INSERT INTO board_grants (workspace_id, user_id, board_id, can_read) SELECT $1, u, b, true"
    " FROM unnest($2::uuid[], $3::uuid[]) AS given (u, b)"
)
MOVE_AGENT = "UPDATE agents SET board_id = $3 WHERE workspace_id = $1 AND id = $2"
END_AGENT = "UPDATE agents SET is_deleted = true WHERE workspace_id = $1 AND id = $2"
# An event of the same transaction: whoever reads the log reads it together with what ended right before it.
INSERT = """
    WITH head AS (
        UPDATE heads SET last_sequence = last_sequence + 1, last_created_at = greatest(last_created_at, clock_timestamp())
        WHERE workspace_id = $1 RETURNING workspace_id, last_sequence, last_created_at
    )
    INSERT INTO events (workspace_id, sequence, id, created_at, occurred_at, event_type, category, action, outcome, message,
                        actor_kind, actor_id, board_id, entity_type, entity_id, changes, metadata)
    SELECT workspace_id, last_sequence, gen_random_uuid(), last_created_at, last_created_at, 'a.said', 'a', 'said', 'SUCCESS',
           'tempting', 'SYSTEM', gen_random_uuid(), $2, 'service', 'x', '[]', '{}' FROM head
"""
END_USER: Sequence[tuple[str, bool]] = (  # and whether it is the token that is meant
    ("UPDATE credentials SET revoked_at = now() WHERE id = $1", True),
    ("DELETE FROM memberships WHERE workspace_id = $1 AND user_id = $2", False),
    ("UPDATE users SET is_deleted = true WHERE workspace_id = $1 AND id = $2", False),
)
Pair = tuple["Person", UUID]


@dataclass(eq=False)
class Person:
    """Somebody who reads, and what it might see when: a right counts for what lies after its beginning and not after its end."""

    kind: ActorKind
    all_boards: bool = False
    id: UUID = field(default_factory=uuid4)
    token: str = ""
    began: dict[UUID, float] = field(default_factory=dict)
    ended: dict[UUID, float] = field(default_factory=dict)
    gone: float = NEVER

    def may_see(self, event: "Event") -> bool:
        """By rights that had not ended before it was committed."""
        if event.sequence > self.gone:
            return False
        if event.subject == self.id or (self.all_boards and event.board is not None):
            return True
        return event.board in self.began and event.sequence <= self.ended.get(event.board, NEVER)

    def must_see(self, event: "Event") -> bool:
        """By rights that had begun, and that nobody ended."""
        if self.gone < NEVER:
            return False
        held = event.board in self.began and event.board not in self.ended
        return event.subject == self.id or (held and event.sequence > self.began[event.board])  # type: ignore[index]

    def would_see(self, event: "Event") -> bool:
        """If nothing had ever ended."""
        return event.subject == self.id or event.board in self.began or (self.all_boards and event.board is not None)


@dataclass(frozen=True)
class Event:
    sequence: int
    board: UUID | None
    subject: UUID | None


@dataclass(eq=False)
class Reader:
    """A socket that reads until it has the last event, or its stream ends."""

    person: Person
    socket: Socket
    received: list[int] = field(default_factory=list)
    refusal: str | None = None

    async def read(self) -> None:
        while True:
            frame = orjson.loads(await self.socket.connection.recv())
            if frame["type"] == "complete":
                return
            payload = frame["payload"]
            if payload["data"] is None:
                [self.refusal] = [error["extensions"]["code"] for error in payload["errors"]]
                continue
            event = payload["data"]["activityLogged"]
            self.received.append(int(event["sequence"]))
            if event["message"] == LAST:
                return


class Crowd:
    """Those who read, where they may, and what is written."""

    def __init__(self, world: World, servers: Sequence[RunningServer]) -> None:
        self.workspace = UUID(world.acme)
        self.servers = servers
        self.chance = random.Random(4)
        self.boards = [uuid4() for _ in range(BOARDS)]
        self.common = uuid4()
        self.watchers = [Person(ActorKind.USER) for _ in range(WATCHERS)]
        self.leavers = [Person(ActorKind.USER, all_boards=True) for _ in range(LEAVERS)]
        self.agents = [Person(ActorKind.AGENT) for _ in range(AGENTS)]
        self.log: list[Event] = []
        self.revocations = 0

    @property
    def people(self) -> list[Person]:
        return [*self.watchers, *self.leavers, *self.agents]

    async def build(self, owner: asyncpg.Connection) -> None:
        """Everybody, with tokens, and most of the grants."""
        here = self.workspace
        boards = [(here, board, "board") for board in (*self.boards, self.common)]
        await owner.executemany("INSERT INTO boards (workspace_id, id, name) VALUES ($1, $2, $3)", boards)
        users = [(here, person.id) for person in (*self.watchers, *self.leavers)]
        await owner.executemany("INSERT INTO users (workspace_id, id) VALUES ($1, $2)", users)
        agents = [(here, person.id, self.boards[0]) for person in self.agents]
        await owner.executemany(
            "INSERT INTO agents (workspace_id, id, board_id, name) VALUES ($1, $2, $3, 'agent')", agents
        )
        membership = (
            "INSERT INTO memberships (workspace_id, user_id, role, all_boards_read) VALUES ($1, $2, 'MEMBER', $3)"
        )
        members = [(here, person.id, person.all_boards) for person in (*self.watchers, *self.leavers)]
        await owner.executemany(membership, members)
        pairs = []
        for person in self.watchers:
            first = self.chance.sample(self.boards, BOARDS - GRANTS_LATER)
            pairs += [(person, board) for board in (*first, self.common)]
        async with owner.transaction():
            await owner.execute(GIVE_GRANTS, here, *_columns(pairs))
        self._note_given(pairs, 0)
        async with self.servers[0].database.operating() as connection:
            for person in self.people:
                person.token = await create_token(connection, person.kind, here, person.id, name="reader")

    async def write(self, more: Callable[[], bool]) -> None:
        """Log, batch by batch, now through one server and now through the other."""
        for server in itertools.cycle(self.servers):
            if not more():
                return
            await self._log(server, [self._draft() for _ in range(EVENTS_PER_BATCH)])

    async def write_last(self) -> None:
        """For everybody who is still there something that it surely sees."""
        drafts = [draft(self.workspace, LAST, board_id=self.common)]
        drafts += [self._by(agent, LAST) for agent in self.agents if agent.gone == NEVER]
        await self._log(self.servers[0], drafts)

    async def change(self, owner: asyncpg.Connection, held: list[Pair], later: list[Pair], going: list[Person]) -> None:
        """End some rights, and now and then give some, in one transaction."""
        chance = self.chance
        ending = [held.pop() for _ in range(min(len(held), chance.randint(*RIGHTS_PER_CHANGE)))]
        given = [later.pop()] if later and chance.random() < 0.8 else []
        leaver = going.pop() if going and (chance.random() < 0.2 or not held) else None
        async with owner.transaction():
            cut = chance.randint(0, len(ending))
            for statement, pairs in ((DELETE_GRANTS, ending[:cut]), (EMPTY_GRANTS, ending[cut:]), (GIVE_GRANTS, given)):
                if pairs:
                    await owner.execute(statement, self.workspace, *_columns(pairs))
            if leaver is not None:
                await self._end(owner, leaver)
            if chance.random() < 0.1:
                moved = chance.choice([agent for agent in self.agents if agent.gone == NEVER])
                await owner.execute(MOVE_AGENT, self.workspace, moved.id, chance.choice([None, *self.boards]))
            # The triggers of the changes hold the head: nothing can be committed between here and the commit.
            here = await owner.fetchval(
                "SELECT last_sequence FROM heads WHERE workspace_id = $1 FOR UPDATE", self.workspace
            )
            tempting = ending[0][1] if ending else chance.choice(self.boards)
            await owner.execute(INSERT, self.workspace, tempting)
        self.log.append(Event(here + 1, tempting, None))
        for person, board in ending:
            person.ended[board] = here
        if leaver is not None:
            leaver.gone = here
        self._note_given(given, here)
        held += given
        chance.shuffle(held)
        self.revocations += len(ending) + (leaver is not None)

    async def _end(self, owner: asyncpg.Connection, person: Person) -> None:
        if person.kind is ActorKind.AGENT:
            await owner.execute(END_AGENT, self.workspace, person.id)
            return
        statement, by_token = END_USER[self.leavers.index(person) % len(END_USER)]
        token = parse_token(person.token)
        assert token is not None
        await owner.execute(statement, *((token.public_id,) if by_token else (self.workspace, person.id)))

    def _note_given(self, pairs: Sequence[Pair], here: int) -> None:
        for person, board in pairs:
            person.began[board] = here

    def _draft(self) -> EventDraft:
        """An event on any board, or of any reader."""
        if self.chance.random() < 0.1:
            return self._by(self.chance.choice(self.people), "own")
        return draft(self.workspace, "on a board", board_id=self.chance.choice(self.boards))

    def _by(self, person: Person, message: str) -> EventDraft:
        return draft(self.workspace, message, actor=Actor(person.kind, person.id, "somebody"))

    async def _log(self, server: RunningServer, drafts: Sequence[EventDraft]) -> None:
        receipt = await server.services.writers.append(drafts)
        for one, appended in zip(drafts, receipt.appended, strict=True):
            subject = None if one.actor.kind is ActorKind.SERVICE else one.actor.id
            self.log.append(Event(appended.sequence, one.board_id, subject))


def _columns(pairs: Sequence[Pair]) -> tuple[list[UUID], list[UUID]]:
    return [person.id for person, _ in pairs], [board for _, board in pairs]


@pytest.fixture
async def servers(settings: Settings) -> AsyncIterator[list[RunningServer]]:
    async with running_server(settings) as one, running_server(settings) as two:
        yield [one, two]


async def _follow(crowd: Crowd, world: World, stack: AsyncExitStack) -> list[Reader]:
    """Everybody at both servers. All streams stand when this returns."""
    readers = []
    for server in crowd.servers:
        for person in crowd.people:
            socket = await stack.enter_async_context(open_socket(server.ws, person.token))
            await socket.subscribe(STREAM)
            readers.append(Reader(person, socket))
    for server in crowd.servers:
        await until(lambda server=server: followers(server, world, "acme") == len(crowd.people))  # type: ignore[misc]
    return readers


async def test_after_a_thousand_random_revocations_under_load_nothing_comes_late(
    servers: list[RunningServer], world: World
) -> None:
    crowd = Crowd(world, servers)
    async with connected(servers[0]) as owner, AsyncExitStack() as stack, asyncio.timeout(120):
        await crowd.build(owner)
        readers = await _follow(crowd, world, stack)
        held = [(person, board) for person in crowd.watchers for board in person.began if board != crowd.common]
        later = [(person, board) for person in crowd.watchers for board in crowd.boards if board not in person.began]
        going = [*crowd.leavers, *crowd.agents[: AGENTS // 2]]
        for some in (held, later, going):
            crowd.chance.shuffle(some)
        reading = [asyncio.create_task(reader.read()) for reader in readers]
        writing = asyncio.create_task(crowd.write(lambda: bool(held or going)))
        while held or going:
            before = len(crowd.log)
            await crowd.change(owner, held, later, going)
            await until(lambda before=before: len(crowd.log) >= before + EVENTS_BETWEEN_CHANGES or writing.done())  # type: ignore[misc]
        await writing
        await crowd.write_last()
        _, unfinished = await asyncio.wait(reading, timeout=DEADLINE_S)
        for task in unfinished:
            task.cancel()
    assert crowd.revocations >= REVOCATIONS_MIN
    _check(crowd, readers)
    assert not unfinished


def _check(crowd: Crowd, readers: Sequence[Reader]) -> None:
    tempting = 0
    for reader in readers:
        person, received = reader.person, set(reader.received)
        assert reader.received == sorted(received)
        may = {event.sequence for event in crowd.log if person.may_see(event)}
        assert received - may == set(), f"{len(received - may)} late events"
        must = {event.sequence for event in crowd.log if person.must_see(event)}
        assert must - received == set(), f"{len(must - received)} lost events"
        assert reader.refusal == (None if person.gone == NEVER else "UNAUTHENTICATED")
        tempting += sum(person.would_see(event) for event in crowd.log) - len(may)
    # As many as that would have come if rights never ended.
    assert tempting > 10 * REVOCATIONS_MIN
