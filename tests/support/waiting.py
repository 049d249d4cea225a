"""Waiting for something to become true, with a deadline. No test sleeps for a fixed time."""

import asyncio
import inspect
import time
from collections.abc import Awaitable, Callable

DEADLINE_S = 20.0
PAUSE_S = 0.01


async def until(condition: Callable[[], bool | Awaitable[bool]], deadline_s: float = DEADLINE_S) -> None:
    """Return as soon as the condition holds; fail when it does not in time."""
    end = time.monotonic() + deadline_s
    while True:
        held = condition()
        if inspect.isawaitable(held):
            held = await held
        if held:
            return
        assert time.monotonic() < end, f"not so within {deadline_s} s: {inspect.getsource(condition).strip()}"
        await asyncio.sleep(PAUSE_S)
