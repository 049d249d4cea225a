"""Reading connections that remember which workspace they show, so that most reads are one message to PostgreSQL and one answer.

A lane is a connection of the reading pool that stays taken out of it, because taking it out and resetting it costs more than a short
read. Row-level security shows it the rows of the workspace that it was last told of. Before a lane is lent it is told of another one
if that is needed, and of none where none is asked for; what it was told of is forgotten before it is told anew, so a lane that was
given up in between is never taken for one that shows something. Each statement is a transaction of its own. Whoever is cancelled, or
meets trouble, may have left an answer on the way: such a lane is closed.

The newest free lane for a workspace is preferred; with more workspaces than lanes a read is two messages.
"""

import asyncio
from collections import OrderedDict, deque
from collections.abc import Sequence
from contextlib import suppress
from enum import Enum
from types import TracebackType
from typing import Any, NamedTuple, TypeAlias

import asyncpg
from sqlalchemy import exc
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from trailcast.ledger.roles import WORKSPACES

STATEMENTS_PREPARED_MAX = 200  # of one lane; PostgreSQL keeps a plan for each, some 50 KiB

# After these nobody knows what the connection is in the middle of.
_UNKNOWN = (TimeoutError, asyncpg.InterfaceError, asyncpg.InternalClientError, exc.InterfaceError)

Prepared: TypeAlias = "asyncpg.prepared_stmt.PreparedStatement[asyncpg.Record]"


class Plan(Enum):
    """How PostgreSQL plans prepared statements: once for all values; anew for those at hand, where it would otherwise walk a
    busy board for a word because an average board has few events; or as it finds best."""

    ONCE = "force_generic_plan"
    BY_VALUE = "force_custom_plan"
    AS_IT_LIKES = "auto"


class About(NamedTuple):
    """What a connection was told: the UUID of the workspace that it shows, as text, or nothing for none; and how to plan."""

    workspace: str
    plan: Plan = Plan.AS_IT_LIKES


class Lane:
    """One connection. `about` is what it was told, None where that is not known."""

    __slots__ = ("_prepared", "about", "connection", "driver")

    def __init__(self, connection: AsyncConnection, driver: asyncpg.Connection) -> None:
        self.connection = connection
        self.driver = driver
        self.about: About | None = None
        self._prepared: OrderedDict[str, Prepared] = OrderedDict()

    async def tell(self, about: About) -> None:
        """From here on show this workspace, and no other."""
        self.about = None
        # No parameters: a UUID of ours, or nothing, and a word of PostgreSQL's.
        await self.driver.execute(f"SET {WORKSPACES} = '{about.workspace}'; SET plan_cache_mode = {about.plan.value}")
        self.about = about

    async def fetch(self, text: str, values: Sequence[Any]) -> list[asyncpg.Record]:
        """The rows of a statement, which is prepared the first time."""
        prepared = self._prepared.get(text)
        try:
            if prepared is None:
                prepared = await self._prepare(text)
            return await prepared.fetch(*values)
        except asyncpg.InvalidCachedStatementError:
            # A migration ran meanwhile. No transaction has failed: the statement was one of its own.
            self._prepared.clear()
            return await (await self._prepare(text)).fetch(*values)

    async def _prepare(self, text: str) -> Prepared:
        prepared = self._prepared[text] = await self.driver.prepare(text)
        if len(self._prepared) > STATEMENTS_PREPARED_MAX:
            self._prepared.popitem(last=False)
        return prepared

    async def close(self) -> None:
        """End the connection, without waiting for what it may be doing, and give its place in the pool back."""
        with suppress(Exception):  # whatever is wrong with it, it is gone afterwards
            await self.connection.invalidate()
        with suppress(Exception):
            await self.connection.close()


class Lanes:
    """All of one process. `size` at most; whoever comes when all are lent waits in line, for `timeout_s` at most."""

    def __init__(self, engine: AsyncEngine, size: int, timeout_s: float) -> None:
        self._engine = engine
        self._size = size
        self._timeout_s = timeout_s
        self._free: list[Lane] = []
        self._waiting: deque[asyncio.Future[None]] = deque()
        self.lent = 0

    @property
    def is_full(self) -> bool:
        """Whether the next who comes has to wait."""
        return self.lent >= self._size

    def lend(self, about: About) -> "Loan":
        """A context that has a lane which was told this. Raises
        `sqlalchemy.exc.TimeoutError` where none is to be had in time, and whatever connecting raises."""
        return Loan(self, about)

    async def take(self, about: About) -> Lane:
        """A lane, to be given back or dropped."""
        if self.is_full or self._waiting:
            await self._wait()
        else:
            self.lent += 1
        lane = None
        try:
            lane = await self._find(about)
            if lane.about != about:
                await lane.tell(about)
        except BaseException:
            if lane is None:
                self._leave()
            else:
                await self.drop(lane)
            raise
        return lane

    def give_back(self, lane: Lane) -> None:
        """The lane is free again."""
        self._free.append(lane)
        self._leave()

    async def drop(self, lane: Lane) -> None:
        """The lane is not to be used again."""
        try:
            await lane.close()
        finally:
            self._leave()

    async def close(self) -> None:
        """End those that are free."""
        while self._free:
            await self._free.pop().close()

    def _leave(self) -> None:
        """One place less is taken, or another one has it."""
        while self._waiting:
            future = self._waiting.popleft()
            if not future.done():
                future.set_result(None)
                return
        self.lent -= 1

    async def _wait(self) -> None:
        """Return with the place of somebody who left."""
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(future)
        try:
            async with asyncio.timeout(self._timeout_s):
                await future
        except BaseException as error:
            if future.done() and not future.cancelled():
                self._leave()
            if isinstance(error, TimeoutError):
                raise exc.TimeoutError("no reading connection is free") from None
            raise

    async def _find(self, about: About) -> Lane:
        free = self._free
        for index in range(len(free) - 1, -1, -1):
            if free[index].about == about and not free[index].driver.is_closed():
                return free.pop(index)
        # One at a time: while one is being closed others come and go.
        while (gone := next((lane for lane in free if lane.driver.is_closed()), None)) is not None:
            free.remove(gone)
            await gone.close()
        if free and self.lent + len(free) > self._size:
            return free.pop(0)  # the one that was not asked for longest
        return await self._open()

    async def _open(self) -> Lane:
        connection = await self._engine.connect()
        return Lane(connection, driver_of(connection))


class Loan:
    """A lane for as long as the block runs."""

    __slots__ = ("_about", "_lane", "_lanes")

    def __init__(self, lanes: Lanes, about: About) -> None:
        self._lanes = lanes
        self._about = about

    async def __aenter__(self) -> Lane:
        self._lane = lane = await self._lanes.take(self._about)
        return lane

    async def __aexit__(
        self, _type: type[BaseException] | None, error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        lane = self._lane
        # An error of PostgreSQL's is an answer, and one of ours came when there was none to wait for. Whoever was cancelled, or
        # waited too long, has left one on the way.
        is_known = error is None or (isinstance(error, Exception) and not isinstance(error, _UNKNOWN))
        if is_known and not lane.driver.is_closed() and not lane.driver.is_in_transaction():
            self._lanes.give_back(lane)
        else:
            await self._lanes.drop(lane)


def driver_of(connection: AsyncConnection) -> asyncpg.Connection:
    """asyncpg's own connection."""
    # Not by `get_raw_connection`, which switches greenlets for what is in hand: a tenth of a millisecond in every read.
    assert connection.sync_connection is not None
    driver = connection.sync_connection.connection.driver_connection
    assert isinstance(driver, asyncpg.Connection)
    return driver
