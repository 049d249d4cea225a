"""What a soak does: how much is written and read, and what goes wrong meanwhile. Everything random comes from `seed`.

The seed repeats the choices of each writer, reader and fault, not how they meet: that is the operating system's affair. What
happened in a run is in its history. `LONG` is what `make soak` runs, `SHORT` what the suite runs. `KILLS` is about one fault alone:
the only server there is dies again and again while writers write, so that all of them meet each of its deaths; `FEW_KILLS` is
that for the suite.

A commit is held back while it holds the head of its workspace, so all delays of a workspace add up: they are 0 to 2 ms, about as
long as the transaction itself, which readers often look into. The 3,600 late transactions of the long form cost two seconds so.
"""

import random
from dataclasses import dataclass, replace


@dataclass(frozen=True)
class Plan:
    """One run. `events` are those that are acknowledged in the end; rolled back ones come on top."""

    events: int
    writers: int
    late_writers: int  # of the writers: those with a transaction of their own, which commit late or roll back
    readers: int
    kills: int  # kill -9 of a server process, which is started again
    restarts: int  # immediate shutdowns of PostgreSQL, which is started again
    bells_every_s: float  # how often the doorbells' connections are terminated
    connection_s_max: float  # how long a reader stays, at most
    stall_events_max: int  # how many events are written while a slow reader reads nothing, at most
    seed: int
    servers: int = 2
    rollback_share: float = 0.2  # of all that is begun
    commit_delay_ms_max: float = 2.0
    pause_s_max: float = 0.05  # before somebody tries again or comes back
    deadline_s: float = 1200.0

    @property
    def rollbacks(self) -> int:
        """How many events are begun and rolled back."""
        return round(self.events * self.rollback_share / (1 - self.rollback_share))

    def shared(self, amount: int, people: int, number: int) -> int:
        """The part of an amount that falls to one of so many."""
        return amount // people + (number < amount % people)

    def chance(self, name: str) -> random.Random:
        """Where somebody's choices come from."""
        return random.Random(f"{self.seed}/{name}")


LONG = Plan(
    events=20_000,
    writers=50,
    late_writers=10,
    readers=20,
    kills=3,
    restarts=1,
    bells_every_s=1.0,
    connection_s_max=4.0,
    stall_events_max=600,
    seed=0,
)
SHORT = Plan(
    events=900,
    writers=20,
    late_writers=4,
    readers=8,
    kills=1,
    restarts=1,
    bells_every_s=0.5,
    connection_s_max=2.0,
    stall_events_max=400,
    seed=0,
    deadline_s=150.0,
)
KILLS = Plan(
    events=8_000,
    writers=20,
    late_writers=0,
    readers=4,
    kills=20,
    restarts=0,
    bells_every_s=60.0,
    connection_s_max=4.0,
    stall_events_max=400,
    seed=0,
    servers=1,
    rollback_share=0.0,
)
FEW_KILLS = replace(KILLS, events=600, writers=10, readers=2, kills=3, connection_s_max=1.0, deadline_s=120.0)
