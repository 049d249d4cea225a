"""What is asked of every run."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Options:
    """`rate` is in comments a second; `look_s` is how long a server is watched to tell that it has settled."""

    rate: float
    events: int
    boards: int
    idle_s: float
    deadline_s: float
    look_s: float = 0.5
