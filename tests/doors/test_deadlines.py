"""Deadlines that share a timer: each ends its own operation at its own time, and nothing else."""

import asyncio

import pytest

from tests.support.waiting import until
from trailcast.doors.deadlines import Deadlines

LIMIT_S = 0.1


async def test_each_operation_has_its_own_time_whoever_began_before() -> None:
    deadlines, loop, ended = Deadlines(LIMIT_S), asyncio.get_running_loop(), dict[str, float]()

    async def operation(name: str, work: asyncio.Event) -> str:
        began = loop.time()
        try:
            with deadlines.within():
                await work.wait()
        except TimeoutError:
            ended[name] = loop.time() - began
            return "late"
        return "in time"

    never, soon = asyncio.Event(), asyncio.Event()
    first = asyncio.create_task(operation("first", never))
    quick = asyncio.create_task(operation("quick", soon))
    await asyncio.wait([first], timeout=LIMIT_S / 2)
    second = asyncio.create_task(operation("second", never))
    soon.set()
    async with asyncio.timeout(20):
        assert [*await asyncio.gather(first, quick, second)] == ["late", "in time", "late"]
    assert list(ended) == ["first", "second"]
    # None before its time, although the timer had run for another.
    assert all(duration_s > LIMIT_S * 0.99 for duration_s in ended.values())
    # And when nobody was there for a while.
    await until(lambda: deadlines._timer is None)
    assert await operation("third", never) == "late"
    assert deadlines._running == {}


async def test_whoever_is_cancelled_by_somebody_else_stays_cancelled() -> None:
    deadlines, times = Deadlines(LIMIT_S), list[str]()

    async def operation() -> None:
        try:
            with deadlines.within():
                await asyncio.Event().wait()
        except TimeoutError:
            times.append("late")

    early = asyncio.create_task(operation())
    both = asyncio.create_task(operation())
    await until(lambda: len(deadlines._running) == 2)
    early.cancel()
    [deadline] = [one for one in deadlines._running if one._task is both]
    deadline.expire()
    both.cancel()
    for task in (early, both):
        with pytest.raises(asyncio.CancelledError):
            await task
    assert (times, deadlines._running) == ([], {})


async def test_an_error_of_the_operation_itself_passes_as_it_is() -> None:
    deadlines = Deadlines(LIMIT_S)
    with pytest.raises(ValueError, match="its own"), deadlines.within():
        raise ValueError("its own")
    assert deadlines._running == {}
