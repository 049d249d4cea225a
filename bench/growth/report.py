"""What came out, as people read it: a table of all measurements of a size, one of the goals, and one of the growth."""

from collections.abc import Callable, Iterable, Mapping

from bench.fanout.report import table
from bench.growth.comparing import Result, Run
from bench.growth.goals import Verdict, grow, judge
from bench.growth.workloads import WORKLOADS

TITLES = {workload.name: workload.title for workload in WORKLOADS}
COLUMNS: Mapping[str, Callable[[Result], str]] = {
    "workload": lambda result: f"{result.workload} {TITLES[result.workload]}",
    "connections": lambda result: str(result.connections),
    "server": lambda result: result.server.removeprefix("growth ") + result.way,
    "requests/s": lambda result: f"{result.measured.requests_per_s:,.1f}",
    "server ms": lambda result: f"{result.measured.server_ms:.3f}",
    "PostgreSQL ms": lambda result: f"{result.measured.postgres_ms:.3f}",
    "p50 ms": lambda result: f"{result.measured.p50_ms:.2f}",
    "p99 ms": lambda result: f"{result.measured.p99_ms:.2f}",
    "client ms": lambda result: f"{result.measured.client_ms:.3f}",
    "bytes": lambda result: f"{result.measured.bytes_per_answer:,.0f}",
}
JUDGED = ("workload", "what", "found", "must", "aim", "met")


def show(run: Run) -> str:
    """All of one size."""
    results = table(list(COLUMNS), [[cell(result) for cell in COLUMNS.values()] for result in run.results])
    beside = [
        f"{name.removeprefix('growth ')}: first answer after {seconds:.2f} s, {run.rss_kib.get(name, 0) / 1024:.0f} MiB at the end"
        for name, seconds in run.start_s.items()
    ]
    counted = run.rows.get("W5", [0])[0]
    head = f"{run.events:,} events in the large workspace; W2 is page {run.deep_page:,}, W5 counts {counted:,} events."
    return "\n\n".join([head, results, "\n".join(beside), verdicts(judge(run))])


def show_growth(small: Run, large: Run) -> str:
    """What a larger log costs more."""
    return verdicts(grow(small, large))


def verdicts(found: Iterable[Verdict]) -> str:
    """A row for each goal."""
    rows = [
        [verdict.workload, verdict.what, verdict.found, verdict.must, verdict.aim, verdict.met] for verdict in found
    ]
    return table(JUDGED, rows) if rows else ""
