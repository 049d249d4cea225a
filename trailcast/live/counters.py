"""What the live feed of one process has done and holds: plain numbers in one place, for whoever shows them.

Counters only grow; gauges are what is there now. They are changed on the event loop alone, by those who do what is counted, and
say nothing of any workspace, caller or event.
"""

from bisect import bisect_left
from dataclasses import dataclass, field

# Upper bounds of the buckets of latency, in milliseconds; what is slower counts in the last, open one.
LATENCY_BOUNDS_MS = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000)


@dataclass(slots=True)
class Latency:
    """A histogram: `counts[i]` observations up to `LATENCY_BOUNDS_MS[i]`, the last of them beyond all bounds."""

    counts: list[int] = field(default_factory=lambda: [0] * (len(LATENCY_BOUNDS_MS) + 1))
    sum_ms: float = 0.0

    def observe(self, ms: float) -> None:
        self.counts[bisect_left(LATENCY_BOUNDS_MS, ms)] += 1
        self.sum_ms += ms


@dataclass(slots=True)
class Counters:
    """One per process."""

    # Gauges.
    sockets: int = 0
    subscribers: int = 0
    groups: int = 0
    # Counters.
    events_read: int = 0
    deliveries: int = 0
    replays: int = 0  # pages of the log that feeds read to join or to catch up
    overflows: int = 0  # readers that fell behind what may be queued for them
    rights_loaded: int = 0  # principals that were loaded anew because access had changed
    sockets_stalled: int = 0  # sockets that were closed because their reader took nothing
    rings_heard: int = 0
    bell_losses: int = 0  # how often the doorbell's connection was lost
    latency: Latency = field(default_factory=Latency)  # from the bell (or tick) to the hand-over to all readers
