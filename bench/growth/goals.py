"""What was promised, workload by workload, and whether it was met. Ratios of one run, at its most connections.

`must` and `aim` are bounds of a number that is better when it is smaller; what is better when it is larger (events a second) is
turned around, so that one comparison serves all.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from bench.fanout.servers import GROWTH_FLOOR as FLOOR
from bench.fanout.servers import GROWTH_PLAIN as PLAIN
from bench.fanout.servers import TRAILCAST
from bench.growth.comparing import Run
from bench.growth.measuring import Measured

Number = Callable[[Measured], float]


def server(measured: Measured) -> float:
    return measured.server_ms


def both(measured: Measured) -> float:
    return measured.both_ms


def pace(measured: Measured) -> float:
    """Seconds per request."""
    return 1 / measured.requests_per_s


def slowest(measured: Measured) -> float:
    return measured.p99_ms


@dataclass(frozen=True, slots=True)
class Goal:
    """`inverse` ones are shown upside down, as they are spoken of: 8 times as many, a 25th."""

    workloads: Sequence[str]
    what: str
    number: Number
    against: str
    must: float | None
    aim: float | None = None
    inverse: bool = False


READS = ("W1", "W2", "W3", "W9")
GOALS = (
    Goal(READS, "server CPU / floor", server, FLOOR, 1.7, 1.4),
    Goal(READS, "server + PostgreSQL / floor", both, FLOOR, 1.6),
    Goal(READS, "plain / server CPU", server, PLAIN, 1 / 25, inverse=True),
    Goal(("W4",), "server CPU / floor", server, FLOOR, 2, 1.3),
    Goal(("W4",), "plain / server CPU", server, PLAIN, 1 / 30, inverse=True),
    Goal(("W5",), "server CPU / floor", server, FLOOR, 2, 1.2),
    Goal(("W5",), "plain / server CPU", server, PLAIN, 1 / 15, inverse=True),
    Goal(("W6",), "events/s / floor", pace, FLOOR, 1, 1 / 1.3, inverse=True),
    Goal(("W6",), "p99 / floor", slowest, FLOOR, None, 1),
    Goal(("W6",), "events/s / plain", pace, PLAIN, 1 / 8, inverse=True),
    Goal(("W7",), "server + PostgreSQL / floor", both, FLOOR, 1.5, 1.2),
    Goal(("W7",), "plain / server + PostgreSQL", both, PLAIN, 1 / 2, inverse=True),
)
GROWING = ("W1", "W2", "W3", "W4", "W6")
GROWTH_MAX = 1.2
TEXT_POSTGRES_MS_MAX = 5.0
START_S_MAX = 1.5
RSS_MIB_MAX = 120.0


@dataclass(frozen=True, slots=True)
class Verdict:
    """One goal of one workload: what came out beside what was wanted, as they are shown."""

    workload: str
    what: str
    found: str
    must: str
    aim: str
    met: str


def judge(run: Run) -> Iterator[Verdict]:
    """All goals of which both sides were measured."""
    connections = max((result.connections for result in run.results), default=0)
    for goal in GOALS:
        for workload in goal.workloads:
            ours, theirs = run.find(workload, TRAILCAST, connections), run.find(workload, goal.against, connections)
            if ours is not None and theirs is not None and goal.number(theirs) > 0:
                yield _verdict(workload, goal, goal.number(ours) / goal.number(theirs))
    text = run.find("W8", TRAILCAST, connections)
    if text is not None:
        yield _bound("W8", "PostgreSQL ms", text.postgres_ms, TEXT_POSTGRES_MS_MAX)
    if TRAILCAST in run.start_s:
        yield _bound("start", "seconds to the first answer", run.start_s[TRAILCAST], START_S_MAX)
    if TRAILCAST in run.rss_kib:
        yield _bound("memory", "MiB after the bench", run.rss_kib[TRAILCAST] / 1024, RSS_MIB_MAX)


def grow(small: Run, large: Run) -> Iterator[Verdict]:
    """CPU of server and PostgreSQL per request on the larger log, over that on the smaller."""
    connections = max((result.connections for result in large.results), default=0)
    for workload in GROWING:
        before, after = small.find(workload, TRAILCAST, connections), large.find(workload, TRAILCAST, connections)
        if before is not None and after is not None:
            what = f"server + PostgreSQL, {large.events:,} / {small.events:,}"
            yield _bound(workload, what, after.both_ms / before.both_ms, GROWTH_MAX)


def _verdict(workload: str, goal: Goal, ratio: float) -> Verdict:
    met = [name for name, bound in (("aim", goal.aim), ("must", goal.must)) if bound is not None and ratio <= bound]
    found, must, aim = (_show(value, inverse=goal.inverse) for value in (ratio, goal.must, goal.aim))
    return Verdict(workload, goal.what, found, must, aim, met[0] if met else "no")


def _bound(workload: str, what: str, found: float, must: float) -> Verdict:
    return Verdict(workload, what, f"{found:.2f}", f"{must:g}", "", "must" if found <= must else "no")


def _show(value: float | None, *, inverse: bool) -> str:
    if value is None:
        return ""
    return f"{1 / value if inverse else value:.2f}"
