"""Group commit: calls of one process that wait at the same time share one transaction, and one flush to disk serves them all.

A lone writer waits for nothing: whoever comes while no transaction runs starts one at once; whoever comes meanwhile goes with
the next, up to a number of events and of bytes. What the calls name is looked up together, then each is drafted, then all is appended:
a fixed number of statements. A submission stays all or nothing, and one that the database refuses fails alone, because its group is
then written again one submission at a time. A caller that goes away (cancelled) takes nothing with it: what it handed in is written or
not like any other. Nobody is left without an answer.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from uuid import UUID

from trailcast.errors import TrailcastError, Unavailable, Unwritable
from trailcast.ledger.append import Receipt, Submission, append
from trailcast.ledger.database import Database
from trailcast.ledger.lookup import Found, Names, look_up
from trailcast.ledger.trouble import BUSY
from trailcast.records import EventDraft
from trailcast.settings import Settings

logger = logging.getLogger(__name__)
Ring = Callable[[dict[UUID, int]], None]
Draft = Callable[[Found], Sequence[EventDraft]]


@dataclass(frozen=True, slots=True)
class _Call:
    """What one caller hands in: events of these workspaces, drafted when what they name was looked up."""

    workspace_ids: frozenset[UUID]
    names: Names | None
    events: int
    size_bytes: int
    draft: Draft
    receipt: "asyncio.Future[Receipt]"


class Writers:
    """The queue before the log, one per process. `ring` is called after each commit with the new end of each log."""

    def __init__(self, database: Database, ring: Ring, settings: Settings) -> None:
        self._database = database
        self.ring = ring
        self.refusal: str | None = None  # why the database refused the last events, until it takes some
        self._settings = settings
        self._waiting: deque[_Call] = deque()
        self._running: asyncio.Task[None] | None = None

    async def append(self, drafts: Sequence[EventDraft]) -> Receipt:
        """Write these together or not at all; returns after the commit. Raises Unavailable."""
        return await self._hand_in(
            frozenset({draft.workspace_id for draft in drafts}), None, len(drafts), 0, lambda _: drafts
        )

    async def draft_and_append(self, names: Names, events: int, size_bytes: int, draft: Draft) -> Receipt:
        """The same for so many events of so many bytes, which `draft` makes of what exists of those names: in the transaction in which
        they are written, again if its group has to be written again, none where the call is refused. Raises Unavailable."""
        return await self._hand_in(frozenset({names.workspace_id}), names, events, size_bytes, draft)

    async def _hand_in(
        self, workspace_ids: frozenset[UUID], names: Names | None, events: int, size_bytes: int, draft: Draft
    ) -> Receipt:
        if len(self._waiting) >= self._settings.writers_waiting_max:
            raise Unavailable("Too many events are waiting to be written: try again in a moment.")
        receipt: asyncio.Future[Receipt] = asyncio.get_running_loop().create_future()
        self._waiting.append(_Call(workspace_ids, names, events, size_bytes, draft, receipt))
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

    def _take(self) -> list[_Call]:
        """The next group: in order of arrival, up to the bounds; a batch beyond them goes alone."""
        settings, group = self._settings, [self._waiting.popleft()]
        events, size_bytes = group[0].events, group[0].size_bytes
        while self._waiting:
            events += self._waiting[0].events
            size_bytes += self._waiting[0].size_bytes
            if events > settings.group_events_max or size_bytes > settings.group_bytes_max:
                break
            group.append(self._waiting.popleft())
        return group

    async def _write(self, group: Sequence[_Call]) -> None:
        try:
            receipts = await self._commit(group)
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
                for call in group:
                    if not call.receipt.done():
                        call.receipt.set_exception(error)
                return
            # Something in the group was refused; alone, only the one at fault is.
            for member in group:
                await self._write([member])
            return
        for call, receipt in zip(group, receipts, strict=True):
            if not call.receipt.done():
                call.receipt.set_result(receipt)

    async def _commit(self, group: Sequence[_Call]) -> list[Receipt]:
        async with self._database.writing(frozenset().union(*(call.workspace_ids for call in group))) as connection:
            found = await look_up(connection, [call.names for call in group if call.names is not None])
            submissions = [
                Submission(call.draft(found[call.names.workspace_id] if call.names is not None else Found()))
                for call in group
            ]
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
