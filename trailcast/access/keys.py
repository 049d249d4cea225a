"""Keeps the keys of a JWKS: reads them when they are old or one is missing, and lives with a server that fails for a while.

Bounds, whatever is presented and whatever the JWKS does: one reading at a time, at most one in `retry`, keys used for `ttl`, and for
`stale` beyond it while they cannot be read anew. After that nobody can be told from anybody, which is UNAVAILABLE and not a bad
credential. Knows no HTTP and no files: it is given a `fetch`.
"""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeAlias

from jwt import PyJWK

from trailcast.access.jwt import Header, KeySet, read_keys
from trailcast.clock import Clock
from trailcast.errors import Unavailable

logger = logging.getLogger(__name__)

Fetch: TypeAlias = Callable[[], Awaitable[bytes]]


@dataclass(frozen=True, slots=True)
class Patience:
    """How long keys are used before they are read again, the least pause between two readings, how long they are used beyond."""

    ttl: timedelta
    retry: timedelta
    stale: timedelta


class Keys:
    """The keys of one JWKS, in one process."""

    def __init__(self, fetch: Fetch, algorithms: tuple[str, ...], patience: Patience, clock: Clock) -> None:
        self._fetch = fetch
        self._algorithms = algorithms
        self._patience = patience
        self._clock = clock
        self._keys: KeySet | None = None
        self._read_at: datetime | None = None
        self._tried_at: datetime | None = None
        self._is_failing = False
        self._reading: asyncio.Task[None] | None = None

    async def find(self, header: Header) -> PyJWK | None:
        """The key of a JWT, or None where there is none such. Raises Unavailable where the keys cannot be read."""
        patience = self._patience
        if not self._is_within(patience.ttl, self._read_at):
            # While the JWKS fails nobody waits for the next try who can be served without.
            await self._read_again(wait=not (self._is_failing and self._may_be_used()))
        if self._keys is None or not self._may_be_used():
            raise _unreadable()
        key = self._keys.find(header)
        if key is None and header.key_id is not None:
            # It may be newer than what is known.
            await self._read_again()
            key = self._keys.find(header)
            if key is None and self._is_failing:
                raise _unreadable()
        return key

    async def close(self) -> None:
        """Read nothing any more."""
        if self._reading is not None:
            self._reading.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._reading

    def _may_be_used(self) -> bool:
        return self._is_within(self._patience.ttl + self._patience.stale, self._read_at)

    def _is_within(self, span: timedelta, since: datetime | None) -> bool:
        # A clock that was set back makes keys old, not young for longer.
        return since is not None and timedelta(0) <= self._clock() - since < span

    async def _read_again(self, *, wait: bool = True) -> None:
        """Read the keys, unless that was tried a moment ago. Whoever comes meanwhile shares the reading."""
        if self._reading is None:
            if self._is_within(self._patience.retry, self._tried_at):
                return
            self._tried_at = self._clock()
            self._reading = asyncio.create_task(self._read(), name="trailcast-keys")
        if wait:
            # Who asked first may go; the others still need it.
            await asyncio.shield(self._reading)

    async def _read(self) -> None:
        try:
            self._keys = read_keys(await self._fetch(), self._algorithms)
        except Exception as error:  # noqa: BLE001 - whatever it is, the keys of before go on for a while
            self._is_failing = True
            logger.warning("the keys of JWTs cannot be read (%s: %s)", type(error).__name__, error)
        else:
            self._is_failing = False
            self._read_at = self._clock()
        finally:
            self._reading = None


def _unreadable() -> Unavailable:
    return Unavailable("The keys that sign-ins are verified by cannot be read right now: try again in a moment.")
