"""What Ctrl-C and SIGTERM mean to a command that runs until it is stopped: the same, and a success.

A signal only leaves a mark, and `stop_if_asked` acts on it between two steps. An exception that is raised wherever the program
happens to be would be lost in callbacks, turned into other errors by libraries, and interrupt the stopping itself.
"""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Stop(BaseException):
    """Unwinds everything that was started."""


class _Asked:
    stop = False


@contextmanager
def until_stopped() -> Iterator[None]:
    """Signals end the block at the next `stop_if_asked`. Whoever waits longer than a step in it handles them itself meanwhile."""
    _Asked.stop = False
    before = [signal.signal(number, _mark) for number in SIGNALS]
    try:
        yield
    except Stop:
        pass
    finally:
        for number, handler in zip(SIGNALS, before, strict=True):
            signal.signal(number, handler)


def stop_if_asked() -> None:
    if is_asked():
        raise Stop


def is_asked() -> bool:
    return _Asked.stop


def _mark(_number: int, _frame: FrameType | None) -> None:
    _Asked.stop = True
