"""In what condition the database is, for `/readyz`: can it be read, is it at our revision, does it take writes?

Whoever asks gets an answer in `LOOK_S_MAX`, whatever state PostgreSQL is in, and however many ask, PostgreSQL is asked once in
`KEPT_S`. The questions go through the same pools as the work, because a pool without a free connection is trouble too; nobody has
to get one for an answer to be given. Nothing is written: whether a disk is full shows only when it is, so that is what the
writers last heard.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from trailcast.errors import Unavailable
from trailcast.ledger.database import Database
from trailcast.ledger.group import Writers
from trailcast.ledger.revisions import newest_revision, read_revision
from trailcast.ledger.roles import find_fault
from trailcast.ledger.trouble import BUSY, READ_ONLY, SILENT

logger = logging.getLogger(__name__)

OK = "ok"
UNKNOWN = "unknown"
LOOK_S_MAX = 2.0
KEPT_S = 1.0
# What the look-up of the revision is told where it may not, and where there is no such table; and what that says of the revision.
BEFORE: dict[str | None, str | None] = {"42501": "an earlier one", "42P01": None}


@dataclass(frozen=True, slots=True)
class Seen:
    """Each check by its name, `ok` or a sentence; and whether questions can be answered, whatever else is wrong."""

    checks: Mapping[str, str]
    is_readable: bool = True


class Condition:
    """One per process."""

    def __init__(self, database: Database, writers: Writers) -> None:
        self._database = database
        self._writers = writers
        self._reading = _Question(self._look_at_reads)
        self._writing = _Question(self._look_at_writes)

    async def look(self) -> Seen:
        """`database`, `migrations`, `roles` and `writes`."""
        reads, writes = await asyncio.gather(self._reading.ask(), self._writing.ask())
        if reads is None:
            reads = _unreadable(_unanswered(is_busy=self._database.lanes.is_full or _is_full(self._database.access)))
        if writes is None:
            writes = Seen({"writes": _unanswered(is_busy=_is_full(self._database.writer))})
        return Seen({**reads.checks, **writes.checks}, reads.is_readable)

    async def close(self) -> None:
        """Ask no more."""
        await asyncio.gather(self._reading.close(), self._writing.close())

    async def _look_at_reads(self) -> Seen:
        try:
            async with self._database.looking_up() as connection:
                revision = await read_revision(connection)
                fault = await find_fault(connection)
            async with self._database.reading(None) as connection:
                await connection.execute(text("SELECT 1"))
        except Exception as error:  # noqa: BLE001 - whatever it is, it is what was asked for
            state = _state(error)
            if state not in BEFORE:
                return _unreadable(_reason(error))
            revision, fault = BEFORE[state], UNKNOWN
        state, is_readable = compare(revision)
        return Seen({"database": OK, "migrations": state, "roles": fault or OK}, is_readable and fault is None)

    async def _look_at_writes(self) -> Seen:
        query = text("SELECT pg_is_in_recovery(), current_setting('transaction_read_only')::boolean")
        try:
            async with self._database.writing([]) as connection:
                is_standby, is_read_only = (await connection.execute(query)).one()
        except Exception as error:  # noqa: BLE001 - as above
            return Seen({"writes": _reason(error)})
        if is_standby or is_read_only:
            why = "it is a standby" if is_standby else "default_transaction_read_only is on"
            return Seen({"writes": f"{READ_ONLY}: {why}"})
        refusal = self._writers.refusal
        # Of what can be looked at, the look counts; the writers may have been refused before it changed.
        return Seen({"writes": OK if refusal in {None, READ_ONLY} else f"the last write failed: {refusal}"})


class _Question:
    """Asked once at a time; an answer is kept for a moment."""

    def __init__(self, look: Callable[[], Awaitable[Seen]]) -> None:
        self._look = look
        self._task: asyncio.Task[Seen] | None = None
        self._answered_at = 0.0

    async def ask(self) -> Seen | None:
        """The answer, or None where there is none in time; it is not taken back then, and may be there for the next who asks."""
        loop = asyncio.get_running_loop()
        if self._task is None or (self._task.done() and loop.time() > self._answered_at + KEPT_S):
            self._task = asyncio.create_task(self._answer(), name="trailcast-condition")
        done, _ = await asyncio.wait([self._task], timeout=LOOK_S_MAX)
        return self._task.result() if done else None

    async def close(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])

    async def _answer(self) -> Seen:
        try:
            return await self._look()
        finally:
            self._answered_at = asyncio.get_running_loop().time()


def compare(revision: str | None) -> tuple[str, bool]:
    """`ok`, or what to do about a database at that revision; and whether this version can read it. Revisions sort by their names."""
    newest = newest_revision()
    if revision == newest:
        return OK, True
    if revision is not None and revision > newest:
        # As in the middle of an upgrade: a migration leaves the version before it working until the last process is replaced.
        return f"the database is at {revision}, which is newer than this version ({newest}): finish the upgrade", True
    state = "was never migrated" if revision is None else f"is at {revision}"
    return f"the database {state}, this version needs {newest}: run migrate", False


def _unreadable(reason: str) -> Seen:
    return Seen({"database": reason, "migrations": UNKNOWN, "roles": UNKNOWN}, is_readable=False)


def _reason(error: Exception) -> str:
    if isinstance(error, Unavailable):
        return error.reason
    logger.error("the condition of the database could not be seen", exc_info=error)
    return "an unexpected error: see the server's log"


def _state(error: Exception) -> str | None:
    state: str | None = getattr(getattr(error, "orig", None), "sqlstate", None)
    return state


def _unanswered(*, is_busy: bool) -> str:
    """What keeps a question from being answered in time."""
    return BUSY.reason if is_busy else SILENT.reason


def _is_full(engine: AsyncEngine) -> bool:
    return bool(engine.pool.checkedout() >= engine.pool.size())  # type: ignore[attr-defined]
