"""What is wrong when PostgreSQL is in trouble: in words for whoever operates it, and as the error that a caller gets.

Only what is not the statement's fault counts as trouble; everything else is a defect and passes as it is. Callers learn whether to
come back and whether something may have been written, and nothing of the database. The log names the trouble with its remedy,
once in a while, and never the driver's own words, which hold addresses and values.

Also knows whether PostgreSQL answers at all. One that refuses says so at once; one that hangs costs everybody who asks a
whole timeout. While it is silent one operation at a time tries it, and the others are told without waiting.
"""

import asyncio
import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from weakref import WeakSet

import asyncpg
from sqlalchemy import event, exc
from sqlalchemy.engine import ExceptionContext
from sqlalchemy.ext.asyncio import AsyncEngine

from trailcast.errors import Unavailable, Unwritable

logger = logging.getLogger(__name__)

SAY_AGAIN_S = 60.0  # one line in that time for each kind of trouble, however many callers it meets
TRY_AGAIN_S = 0.5  # after an attempt that was not answered


@dataclass(frozen=True, slots=True)
class Trouble:
    """`refuses_writes`: PostgreSQL has said no to a write, so it is certain that nothing of it was written."""

    reason: str
    remedy: str
    refuses_writes: bool = False


READ_ONLY = "the database is read-only"
BUSY = Trouble(
    "no free connection",
    "more is asked for at once than TRAILCAST_POOL_SIZE and TRAILCAST_WRITER_POOL_SIZE serve, or statements take too long",
)
AWAY = Trouble("PostgreSQL cannot be reached", "start it, or mend TRAILCAST_DATABASE_URL or the network on the way")
SILENT = Trouble("PostgreSQL does not answer", "look whether its host, its disk or the network on the way hangs")
LOST = Trouble("the connection to PostgreSQL was lost", "look into PostgreSQL's log for why it ended")
# By SQLSTATE, or the beginning of one: the longest counts.
BY_STATE = {
    "08": LOST,
    "25006": Trouble(
        READ_ONLY,
        "it is a standby (promote it, or name the primary in TRAILCAST_DATABASE_URL), or default_transaction_read_only is on",
        refuses_writes=True,
    ),
    "28": Trouble("PostgreSQL refuses the sign-in", "mend the user or the password in TRAILCAST_DATABASE_URL"),
    "3D": Trouble("there is no such database", "mend its name in TRAILCAST_DATABASE_URL, or restore it"),
    "53": Trouble("PostgreSQL is short of a resource", "look into its log for which", refuses_writes=True),
    "53100": Trouble("disk full", "free space on the volume of PostgreSQL's data", refuses_writes=True),
    "53200": Trouble("PostgreSQL is out of memory", "give its host more, or lower work_mem", refuses_writes=True),
    "53300": Trouble(
        "PostgreSQL has no connection left",
        "raise max_connections, or lower TRAILCAST_POOL_SIZE and TRAILCAST_WRITER_POOL_SIZE",
    ),
    "55P03": Trouble(
        "a lock was not to be had in time", "look who holds it (pg_locks); TRAILCAST_LOCK_TIMEOUT_MS is the bound"
    ),
    "57": LOST,
    "57014": Trouble("a statement took too long", "TRAILCAST_STATEMENT_TIMEOUT_MS is the bound"),
    "57P03": Trouble("PostgreSQL is starting or stopping", "wait, or look into its log for what keeps it"),
    "58": Trouble("PostgreSQL cannot use its disk", "look into its log, and at the disk", refuses_writes=True),
}


def find_trouble(error: Exception) -> Trouble | None:
    """What is wrong with the database, if that is what the error says."""
    if isinstance(error, exc.TimeoutError):
        return BUSY
    if isinstance(error, exc.DBAPIError | asyncpg.PostgresError):
        state = _state(error)
        for length in (5, 2):
            if state[:length] in BY_STATE:
                return BY_STATE[state[:length]]
        if getattr(error, "connection_invalidated", False):
            return LOST
    if isinstance(error, TimeoutError):
        return SILENT
    if isinstance(error, OSError):
        return AWAY
    # The driver's words for a connection that died between two steps of one statement, or before the first.
    if isinstance(error, asyncpg.InternalClientError):
        return LOST
    is_interface = isinstance(error, exc.InterfaceError | asyncpg.InterfaceError)
    return LOST if is_interface and "closed" in str(error) else None


def _state(error: Exception) -> str:
    """The SQLSTATE, or nothing."""
    return str(getattr(getattr(error, "orig", None) or error, "sqlstate", None) or "")


class Watch:
    """Over all connections of a process to one database."""

    def __init__(self) -> None:
        self._drivers: WeakSet[asyncpg.Connection] = WeakSet()
        self._said_at: dict[Trouble, float] = {}
        self._silent = False
        self._trying = False
        self._next_try_at = 0.0

    def over(self, engine: AsyncEngine) -> AsyncEngine:
        """The same engine, which lends no connection that is known to be dead, and gives up one that does not answer."""
        event.listen(engine.sync_engine, "connect", self._note_connection)
        event.listen(engine.sync_engine, "checkout", _refuse_closed)
        event.listen(engine.sync_engine, "handle_error", _give_up_silent)
        return engine

    @contextmanager
    def translated(self, *, writes: bool) -> Iterator[None]:
        """Trouble in the block is raised as Unavailable; a write that was certainly refused, as Unwritable."""
        is_trial = self._admit()
        try:
            yield
            self._silent = False
        except Exception as error:
            trouble = find_trouble(error)
            if trouble is None:
                raise
            self._note(trouble, error)
            if writes and trouble.refuses_writes:
                raise Unwritable(trouble.reason) from error
            raise Unavailable(reason=trouble.reason) from error
        finally:
            if is_trial:
                self._trying = False
                self._next_try_at = time.monotonic() + TRY_AGAIN_S

    def _admit(self) -> bool:
        """Whether this is the one that tries. Raises Unavailable for those who need not."""
        if not self._silent:
            return False
        if self._trying or time.monotonic() < self._next_try_at:
            raise Unavailable(reason=SILENT.reason)
        self._trying = True
        return True

    def _note(self, trouble: Trouble, error: Exception) -> None:
        if trouble is SILENT:
            self._silent = True
            self._next_try_at = time.monotonic() + TRY_AGAIN_S
            # Whoever waits for an answer on another connection waits for the same; and those at rest would be tried one by one.
            for driver in list(self._drivers):
                driver.terminate()
        elif trouble is not BUSY:
            self._silent = False
        now = time.monotonic()
        if now >= self._said_at.get(trouble, 0.0) + SAY_AGAIN_S or trouble not in self._said_at:
            self._said_at[trouble] = now
            logger.warning("%s (%s): %s", trouble.reason, _state(error) or type(error).__name__, trouble.remedy)

    def _note_connection(self, connection: Any, _record: object) -> None:
        self._drivers.add(connection.driver_connection)


def _refuse_closed(connection: Any, _record: object, _proxy: object) -> None:
    if connection.driver_connection.is_closed():
        raise exc.DisconnectionError  # upon which the pool connects anew


def _give_up_silent(context: ExceptionContext) -> None:
    """Without this a rollback would wait on the same connection as long again."""
    if isinstance(context.original_exception, asyncio.TimeoutError) and context.connection is not None:
        lent: Any = context.connection.connection
        lent.driver_connection.terminate()
        context.is_disconnect = True
