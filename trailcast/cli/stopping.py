"""What Ctrl-C and SIGTERM mean to a command that runs until it is stopped: the same, a success, and no reason to hurry."""

import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from types import FrameType
from typing import Any, TypeAlias

SIGNALS = (signal.SIGINT, signal.SIGTERM)
_asked = threading.Event()
Handler: TypeAlias = Callable[[int, FrameType | None], Any] | int | signal.Handlers | None


class Stop(KeyboardInterrupt):
    """What a signal raises. A class of its own, since Python ends with a failure after a plain KeyboardInterrupt that met it in an
    `exec`, as imports are full of, even if that is caught."""


@contextmanager
def until_stopped() -> Iterator[None]:
    """Ctrl-C and SIGTERM end the block alike, and neither is a failure."""
    _asked.clear()
    before = [signal.signal(number, _stop) for number in SIGNALS]
    try:
        yield
    except KeyboardInterrupt:
        pass
    finally:
        _restore(before)


@contextmanager
def undisturbed() -> Iterator[None]:
    """For an end in order that has its own deadlines: a second Ctrl-C must not keep the first from being carried out."""
    before = [signal.signal(number, signal.SIG_IGN) for number in SIGNALS]
    try:
        yield
    finally:
        _restore(before)


def stop_if_asked() -> None:
    """For the last moment before a long wait: Python drops what a signal raises in a callback of the garbage collector, and an
    import runs many."""
    if _asked.is_set():
        raise Stop


def _stop(_number: int, _frame: FrameType | None) -> None:
    _asked.set()
    raise Stop


def _restore(handlers: Sequence[Handler]) -> None:
    for number, handler in zip(SIGNALS, handlers, strict=True):
        signal.signal(number, handler)
