"""Large bodies take turns: so many bytes of them are taken apart and worked on at once, and whoever comes with more waits in line.

A body becomes objects of ten times its size, and they are there until its answer is. Batches that come together are written one after
the other all the same, so waiting costs them nothing, and the process stays small. What most requests send is not large and waits for
nobody. A turn is taken when the body is there, so nobody holds one who is slow to send; time runs for those who wait as for all.
"""

import asyncio
from collections import deque
from types import TracebackType

LARGE_BYTES_MIN = 32_768


class Turns:
    """Those of one process. A body of more than `bytes_max` goes alone."""

    def __init__(self, bytes_max: int) -> None:
        self._bytes_max = bytes_max
        self._taken_bytes = 0
        self._waiting: deque[tuple[int, asyncio.Future[None]]] = deque()

    @property
    def waiting(self) -> int:
        """How many wait in line."""
        return len(self._waiting)

    def of(self, size_bytes: int) -> "Turn":
        """A context that begins when it is the turn of a body of this size."""
        return Turn(self, size_bytes if size_bytes >= LARGE_BYTES_MIN else 0)

    async def take(self, size_bytes: int) -> None:
        """Return when these bytes are taken."""
        if not self._waiting and self._fits(size_bytes):
            self._taken_bytes += size_bytes
            return
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((size_bytes, turn))
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self.give_back(size_bytes)  # it was called up in the same moment
            else:
                self._waiting.remove((size_bytes, turn))
                self._call()
            raise

    def give_back(self, size_bytes: int) -> None:
        """These bytes are free again."""
        self._taken_bytes -= size_bytes
        self._call()

    def _call(self) -> None:
        while self._waiting and self._fits(self._waiting[0][0]):
            size_bytes, turn = self._waiting.popleft()
            self._taken_bytes += size_bytes
            turn.set_result(None)

    def _fits(self, size_bytes: int) -> bool:
        return not self._taken_bytes or self._taken_bytes + size_bytes <= self._bytes_max


class Turn:
    """Of one body."""

    __slots__ = ("_size_bytes", "_turns")

    def __init__(self, turns: Turns, size_bytes: int) -> None:
        self._turns = turns
        self._size_bytes = size_bytes

    async def __aenter__(self) -> None:
        if self._size_bytes:
            await self._turns.take(self._size_bytes)

    async def __aexit__(
        self, _type: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        if self._size_bytes:
            self._turns.give_back(self._size_bytes)
