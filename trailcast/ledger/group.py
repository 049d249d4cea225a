"""Group commit: calls of one process that wait at the same time share one transaction, and one flush to disk serves them all.

A lone writer waits for nothing: whoever comes while no transaction runs starts one at once; whoever comes meanwhile goes with
the next. A submission stays all or nothing, and one that the database refuses fails alone, because its group is then
written again one submission at a time. A caller that goes away (cancelled) takes nothing with it: what it handed in is written or not
like any other. Nobody is left without an answer.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Sequence
from uuid import UUID

from trailcast.errors import TrailcastError, Unavailable, Unwritable
from trailcast.ledger.append import Receipt, Submission, append
from trailcast.ledger.database import Database
from trailcast.ledger.trouble import BUSY
from trailcast.records import EventDraft

logger = logging.getLogger(__name__)
Ring = Callable[[dict[UUID, int]], None]
_Waiting = tuple[Submission, "asyncio.Future[Receipt]"]


class Writers:
    """The queue before the log, one per process. `ring` is called after each commit with the new end of each log."""

    def __init__(self, database: Database, ring: Ring, *, group_events_max: int, writers_waiting_max: int) -> None:
        self._database = database
        self.ring = ring
        self.refusal: str | None = None  # why the database refused the last events, until it takes some
        self._group_events_max = group_events_max
        self._writers_waiting_max = writers_waiting_max
        self._waiting: deque[_Waiting] = deque()
        self._running: asyncio.Task[None] | None = None

    async def append(self, drafts: Sequence[EventDraft]) -> Receipt:
        """Write these together or not at all; returns after the commit. Raises Unavailable."""
        if len(self._waiting) >= self._writers_waiting_max:
            raise Unavailable("Too many events are waiting to be written: try again in a moment.")
        receipt: asyncio.Future[Receipt] = asyncio.get_running_loop().create_future()
        self._waiting.append((Submission(drafts), receipt))
        if self._running is None:
            self._running = asyncio.create_task(self._run(), name="trailcast-writers")
        return await receipt

    async def close(self) -> None:
        """Wait until all that was handed in is answered."""
        while self._running is not None:
            await asyncio.wait([self._running])

    async def _run(self) -> None:
        try:
            while self._waiting:
                await self._write(self._take())
        finally:
            self._running = None

    def _take(self) -> list[_Waiting]:
        """The next group: in order of arrival, up to the bound; a batch larger than the bound goes alone."""
        group, events = [self._waiting.popleft()], 0
        events += len(group[0][0].drafts)
        while self._waiting and events + len(self._waiting[0][0].drafts) <= self._group_events_max:
            group.append(self._waiting.popleft())
            events += len(group[-1][0].drafts)
        return group

    async def _write(self, group: list[_Waiting]) -> None:
        try:
            receipts = await self._commit([submission for submission, _ in group])
        except Exception as error:  # noqa: BLE001 - whatever it was, each caller must hear of it
            if isinstance(error, Unwritable):
                self.refusal = error.reason
            elif isinstance(error, Unavailable) and error.reason == BUSY.reason:
                # Whoever came meanwhile waited for a connection too: another round would make it twice as long for them.
                group = [*group, *self._waiting]
                self._waiting.clear()
            if len(group) == 1 or isinstance(error, Unavailable):
                if not isinstance(error, TrailcastError):
                    logger.warning("a group of %d submissions was not written", len(group))
                for _, waiting in group:
                    if not waiting.done():
                        waiting.set_exception(error)
                return
            # Something in the group was refused; alone, only the one at fault is.
            for member in group:
                await self._write([member])
            return
        for (_, waiting), receipt in zip(group, receipts, strict=True):
            if not waiting.done():
                waiting.set_result(receipt)

    async def _commit(self, submissions: list[Submission]) -> list[Receipt]:
        workspace_ids = {draft.workspace_id for submission in submissions for draft in submission.drafts}
        async with self._database.writing(workspace_ids) as connection:
            receipts = await append(connection, submissions)
        ends: dict[UUID, int] = {}
        for submission, receipt in zip(submissions, receipts, strict=True):
            for draft, appended in zip(submission.drafts, receipt.appended, strict=False):
                if not appended.replayed:
                    ends[draft.workspace_id] = max(ends.get(draft.workspace_id, 0), appended.sequence)
        if ends:
            self.refusal = None
            self.ring(ends)
        return receipts
