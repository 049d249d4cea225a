"""Makes the counts that metrics over long times are read from, a chunk of the log at a time, behind the writers.

Not in the writers' transactions, which would wait for each other's rows and pay for them. Nothing is lost by that, because whoever
reads counts what lies beyond the mark from the events (`trailcast.ledger.counting`). A chunk is counted and the mark moved in one
transaction, under the lock of the mark, so it counts once, whoever does it and whatever dies meanwhile. Of several processes one does
it, the others pass by. It begins when enough has been written, and now and then it looks for what was written otherwise: by a
process that died, by an earlier version, by a loader.
"""

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Self
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from trailcast.errors import TrailcastError
from trailcast.ledger.database import Database
from trailcast.settings import Settings

logger = logging.getLogger(__name__)

RETRY_S = 1.0  # after something went wrong

# Sorted as the index is, so that its pages are filled one after the other. Quarters that are there already are added up.
_ROLL_UP = text("""
    INSERT INTO rollups AS known
        (workspace_id, kind, key, day, event_type, total, failed, latest, quarters, quarter_totals, quarter_failed)
    SELECT workspace_id, kind, key, day, event_type, sum(total), sum(failed), max(latest),
        coalesce(array_agg(quarter ORDER BY quarter) FILTER (WHERE quarter >= 0), '{}'),
        coalesce(array_agg(total ORDER BY quarter) FILTER (WHERE quarter >= 0), '{}'),
        coalesce(array_agg(failed ORDER BY quarter) FILTER (WHERE quarter >= 0), '{}')
    FROM (
        SELECT workspace_id, kind, key, day, event_type,
            CASE WHEN is_fine THEN floor(extract(epoch FROM created_at - day) / 900) ELSE -1 END::smallint AS quarter,
            count(*)::int AS total, (count(*) FILTER (WHERE outcome = 'FAILURE'))::int AS failed, max(sequence) AS latest
        FROM events CROSS JOIN LATERAL date_trunc('day', created_at, 'UTC') AS day CROSS JOIN LATERAL (VALUES
            ('BOARD', board_id, true),
            (CASE WHEN board_id IS NULL THEN 'NO_BOARD' ELSE 'BOARDS' END, workspace_id, true),
            (CASE WHEN agent_id IS NULL THEN 'ACTOR' ELSE 'AGENT' END, coalesce(agent_id, actor_id), false)
        ) AS counted (kind, key, is_fine)
        WHERE workspace_id = :workspace_id AND sequence > :mark AND sequence <= :end AND key IS NOT NULL
        GROUP BY 1, 2, 3, 4, 5, 6
    ) AS finest GROUP BY 1, 2, 3, 4, 5 ORDER BY 1, 2, 3, 4, 5
    ON CONFLICT (workspace_id, kind, key, day, event_type) DO UPDATE SET
        total = known.total + excluded.total, failed = known.failed + excluded.failed, latest = excluded.latest,
        (quarters, quarter_totals, quarter_failed) = (
            SELECT coalesce(array_agg(quarter ORDER BY quarter), '{}'), coalesce(array_agg(total ORDER BY quarter), '{}'),
                coalesce(array_agg(failed ORDER BY quarter), '{}')
            FROM (
                SELECT quarter, sum(total)::int AS total, sum(failed)::int AS failed FROM (
                    SELECT * FROM unnest(known.quarters, known.quarter_totals, known.quarter_failed)
                    UNION ALL SELECT * FROM unnest(excluded.quarters, excluded.quarter_totals, excluded.quarter_failed)
                ) AS both_of_them (quarter, total, failed) GROUP BY quarter
            ) AS merged)
""")
_MARK = text("SELECT rolled_up_to FROM rollup_marks WHERE workspace_id = :workspace_id FOR UPDATE SKIP LOCKED")
_MOVE = text("UPDATE rollup_marks SET rolled_up_to = :end WHERE workspace_id = :workspace_id")
_BEGIN = text("INSERT INTO rollup_marks VALUES (:workspace_id, 0) ON CONFLICT DO NOTHING")
_END = text("SELECT last_sequence FROM heads WHERE workspace_id = :workspace_id")
_LAGGING = text("""
    SELECT heads.workspace_id, rolled_up_to IS NULL AS is_new FROM heads LEFT JOIN rollup_marks USING (workspace_id)
    WHERE last_sequence - coalesce(rolled_up_to, 0) >= :lag
""")


async def find_lagging(connection: AsyncConnection, lag: int) -> list[tuple[UUID, bool]]:
    """(workspace_id, is_new) of those whose counts end so many events before their log; `is_new`: nothing was ever counted."""
    return [(row[0], row[1]) for row in await connection.execute(_LAGGING, {"lag": lag})]


async def begin_rollups(connection: AsyncConnection, workspace_id: UUID) -> None:
    """From now on there are counts of this log, of no event yet."""
    await connection.execute(_BEGIN, {"workspace_id": workspace_id})


async def roll_up(connection: AsyncConnection, workspace_id: UUID, events_max: int) -> tuple[int, int] | None:
    """Count the next events, in the caller's transaction. Up to which it goes now, and where the log ends; None where somebody else
    is at it."""
    mark: int | None = await connection.scalar(_MARK, {"workspace_id": workspace_id})
    if mark is None:
        return None
    # After the lock, and before the events are read: all up to here are committed, and dense.
    last: int = await connection.scalar(_END, {"workspace_id": workspace_id})
    end = min(last, mark + events_max)
    if end > mark:
        await connection.execute(_ROLL_UP, {"workspace_id": workspace_id, "mark": mark, "end": end})
        await connection.execute(_MOVE, {"workspace_id": workspace_id, "end": end})
    return end, last


async def roll_up_all(database: Database, events_max: int) -> int:
    """Count every log up to its end, now: for whoever has just filled one. Of how many logs."""
    async with database.looking_up() as connection:
        lagging = await find_lagging(connection, 1)
    for workspace_id, _ in lagging:
        async with database.writing([workspace_id]) as connection:
            await begin_rollups(connection, workspace_id)
        done: tuple[int, int] | None = (0, 1)
        while done is not None and done[0] < done[1]:
            async with database.writing([workspace_id]) as connection:
                done = await roll_up(connection, workspace_id, events_max)
    return len(lagging)


@dataclass(frozen=True, slots=True)
class Pace:
    """When to begin, how much to do at once, and how often to look unasked."""

    lag_events: int
    chunk_events: int
    tick_s: float

    @classmethod
    def of(cls, settings: Settings) -> Self:
        return cls(settings.rollup_lag_events, settings.rollup_chunk_events, settings.rollup_tick_s)


class Roller:
    """Keeps the counts up, one task per process."""

    def __init__(self, database: Database, pace: Pace) -> None:
        self._database = database
        self._pace = pace
        self._ends: dict[UUID, int] = {}  # up to where each log is counted, as far as this process knows
        self._due: set[UUID] = set()
        self._woken = asyncio.Event()

    def heard_log(self, workspace_id: UUID, sequence: int) -> None:
        """This log ends here now. Never waits and never fails."""
        known = self._ends.setdefault(workspace_id, sequence - 1)
        if sequence - known >= self._pace.lag_events:
            self._due.add(workspace_id)
            self._woken.set()

    def heard_access(self, workspace_id: UUID) -> None:
        """Counts are of events, whoever may see them."""

    def heard_resync(self) -> None:
        """What was missed is found by the next look."""

    @asynccontextmanager
    async def running(self) -> AsyncGenerator[None]:
        """For as long as the block runs. There may be a log that was filled while no server ran, so it begins with a look."""
        await self._attempt(self._look)
        task = asyncio.create_task(self._run(), name="trailcast-roll-up")
        try:
            yield
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

    async def _run(self) -> None:
        look_at = time.monotonic() + self._pace.tick_s
        while True:
            work = self._work
            if time.monotonic() >= look_at:
                look_at = time.monotonic() + self._pace.tick_s
                work = self._look_and_work
            if not await self._attempt(work):
                # Else each event that is written would be another attempt.
                await asyncio.sleep(min(RETRY_S, self._pace.tick_s))
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._woken.wait(), max(0.0, look_at - time.monotonic()))
            self._woken.clear()

    async def _attempt(self, work: Callable[[], Awaitable[None]]) -> bool:
        """Whether it could be done. What could not is found again by the next look."""
        try:
            await work()
        except TrailcastError:
            self._due.clear()  # what is wrong with PostgreSQL has been said where it was met
            return False
        except Exception:
            # Nothing depends on it but the time that metrics take; a task that ended would let that grow unseen.
            logger.exception("counts of events could not be kept up; trying again in a while")
            self._due.clear()
            return False
        return True

    async def _look_and_work(self) -> None:
        await self._look()
        await self._work()

    async def _work(self) -> None:
        while self._due:
            await self._catch_up(self._due.pop())

    async def _look(self) -> None:
        async with self._database.looking_up() as connection:
            lagging = await find_lagging(connection, self._pace.lag_events)
        for workspace_id, is_new in lagging:
            if is_new:
                async with self._database.writing([workspace_id]) as connection:
                    await begin_rollups(connection, workspace_id)
            self._due.add(workspace_id)

    async def _catch_up(self, workspace_id: UUID) -> None:
        while True:
            began = time.monotonic()
            async with self._database.writing([workspace_id]) as connection:
                done = await roll_up(connection, workspace_id, self._pace.chunk_events)
            if done is None:
                self._ends.pop(workspace_id, None)
                return
            self._ends[workspace_id] = done[0]
            if done[1] - done[0] < self._pace.lag_events:
                return
            # A long log must not take a whole core away from who is served meanwhile.
            await asyncio.sleep(time.monotonic() - began)
