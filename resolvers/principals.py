"""Looks up who calls, for all operations of one process. What is asked for while a look-up is under way goes with the next one.

So a burst of a thousand sockets costs a few statements and one connection, and a lone caller waits for nobody. An answer is never
taken from a look-up that began before it was asked for: rights that ended before a call do not count for it. Nothing is kept
beyond a look-up. Also notes the last use of credentials, at most once a minute each and behind the callers' backs.
"""

import asyncio
import logging
from collections.abc import Collection
from itertools import islice
from typing import TypeAlias

from trailcast.access.principal import (
    Credentials,
    Failure,
    Presented,
    Principal,
    load_principals,
    touch_credentials,
)  # fmt: skip
from trailcast.clock import Clock
from trailcast.errors import Unavailable
from trailcast.ledger.database import Database
from trailcast.ledger.trouble import BUSY

Answer: TypeAlias = Principal | Failure | None
logger = logging.getLogger(__name__)

CREDENTIALS_PER_LOOK_UP_MAX = 500


class Principals:
    """One per process."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._asked: dict[Presented, list[asyncio.Future[Answer]]] = {}
        self._looking: asyncio.Task[None] | None = None
        self._touching: asyncio.Task[None] | None = None

    async def load(self, credentials: Presented) -> Principal | None:
        """The principal as it stands now, or None. Raises Unavailable."""
        found = await self.find(credentials)
        return found if isinstance(found, Principal) else None

    async def find(self, credentials: Presented) -> Answer:
        """The same, or what is wrong with a token that is known. Raises Unavailable."""
        future: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._asked.setdefault(credentials, []).append(future)
        if self._looking is None:
            self._looking = asyncio.create_task(self._look_up(), name="trailcast-principals")
        return await future

    async def _look_up(self) -> None:
        try:
            while self._asked:
                taken = dict(islice(self._asked.items(), CREDENTIALS_PER_LOOK_UP_MAX))
                for credentials in taken:
                    del self._asked[credentials]
                await self._answer(taken)
        finally:
            self._looking = None

    async def _answer(self, taken: dict[Presented, list[asyncio.Future[Answer]]]) -> None:
        now = self._clock()
        try:
            async with self._database.looking_up() as connection:
                found = await load_principals(connection, taken, now)
        except Exception as error:  # noqa: BLE001 - whatever it is, it belongs to those who asked
            if isinstance(error, Unavailable) and error.reason == BUSY.reason:
                # Whoever asked meanwhile waited for a connection too: another round would make it twice as long for them.
                taken = {**self._asked, **{one: [*them, *self._asked.get(one, ())] for one, them in taken.items()}}
                self._asked.clear()
            for future in (future for futures in taken.values() for future in futures if not future.done()):
                # One each: an exception that is raised in many places collects the tracebacks of all.
                future.set_exception(Unavailable() if isinstance(error, Unavailable) else error)
            return
        for credentials, futures in taken.items():
            for future in futures:
                if not future.done():
                    future.set_result(found.get(credentials))
        due = {
            one.token.public_id
            for one, principal in found.items()
            if isinstance(one, Credentials) and isinstance(principal, Principal) and principal.last_use_due
        }
        if due and self._touching is None:
            self._touching = asyncio.create_task(self._touch(due), name="trailcast-last-use")

    async def _touch(self, public_ids: Collection[str]) -> None:
        # A read must not fail because a note about it cannot be written; the next use is noted again.
        try:
            async with self._database.looking_up() as connection:
                await touch_credentials(connection, sorted(public_ids), self._clock())
        except Unavailable:
            pass
        except Exception:
            logger.exception("the last use of credentials could not be noted")
        finally:
            self._touching = None
