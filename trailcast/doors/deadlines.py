"""How long an operation may take: as `asyncio.timeout`, at a sixth of its price, because all have equally long and share one timer.

What takes longer is cancelled where it waits, and ends as TimeoutError. Whoever is cancelled by somebody else stays so.
"""

import asyncio
from types import TracebackType


class Deadlines:
    """Those of one process's operations; in the order in which they began, so the first is the next that ends."""

    def __init__(self, limit_s: float) -> None:
        self.limit_s = limit_s
        self._loop = asyncio.get_running_loop()
        self._running: dict[Deadline, float] = {}
        self._timer: asyncio.TimerHandle | None = None

    def within(self) -> "Deadline":
        """A context that the current task leaves in time, or with TimeoutError."""
        return Deadline(self)

    def begin(self, deadline: "Deadline") -> None:
        self._running[deadline] = self._loop.time() + self.limit_s
        if self._timer is None:
            self._timer = self._loop.call_later(self.limit_s, self._look)

    def end(self, deadline: "Deadline") -> None:
        self._running.pop(deadline, None)

    def _look(self) -> None:
        self._timer = None
        now = self._loop.time()
        for deadline, at in list(self._running.items()):
            if at > now:
                self._timer = self._loop.call_at(at, self._look)
                return
            del self._running[deadline]
            deadline.expire()


class Deadline:
    """Of one operation."""

    __slots__ = ("_all", "_cancelling", "_is_over", "_task")

    def __init__(self, all_of_them: Deadlines) -> None:
        self._all = all_of_them
        self._is_over = False

    def __enter__(self) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._task = task
        self._cancelling = task.cancelling()
        self._all.begin(self)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self._all.end(self)
        # Fewer would be left if nobody else had asked for the end as well.
        if self._is_over and self._task.uncancel() <= self._cancelling and kind is asyncio.CancelledError:
            raise TimeoutError from error

    def expire(self) -> None:
        self._is_over = True
        self._task.cancel()
