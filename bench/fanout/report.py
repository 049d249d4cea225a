"""The results as people read them: a table of all runs, and one of the ratios between servers."""

from collections.abc import Callable, Mapping, Sequence

from bench.fanout.measuring import Measured
from bench.fanout.servers import FLOOR, STOCK, TRAILCAST

COLUMNS: Mapping[str, Callable[[Measured], str]] = {
    "subscribers": lambda run: f"{run.subscribers:,}",
    "server": lambda run: run.server,
    "comments/s": lambda run: f"{run.comments_per_s:.1f}",
    "deliveries": lambda run: f"{run.deliveries:,}",
    "p50 ms": lambda run: f"{run.p50_ms:.1f}",
    "p99 ms": lambda run: f"{run.p99_ms:.1f}",
    "max ms": lambda run: f"{run.max_ms:.1f}",
    "CPU us/delivery": lambda run: f"{run.cpu_us_per_delivery:.1f}",
    "longest pause ms": lambda run: f"{run.longest_pause_ms:.0f}",
    "KiB/subscriber": lambda run: f"{run.kib_per_subscriber:.1f}",
    "idle CPU %": lambda run: f"{run.idle_cpu_percent:.2f}",
    "missed": lambda run: str(run.missed),
    "repeated": lambda run: str(run.repeated),
    "bytes/delivery": lambda run: f"{run.bytes_per_delivery:.0f}",
    "client CPU %": lambda run: f"{run.client_cpu_percent:.0f}",
}
COMPARED: Mapping[str, Callable[[Measured], float]] = {
    "CPU/delivery": lambda run: run.cpu_us_per_delivery,
    "p50": lambda run: run.p50_ms,
    "p99": lambda run: run.p99_ms,
    "KiB/subscriber": lambda run: run.kib_per_subscriber,
}
PAIRS = ((TRAILCAST, FLOOR), (STOCK, TRAILCAST))


def results_table(runs: Sequence[Measured]) -> str:
    """A row for each run."""
    return table(list(COLUMNS), [[show(run) for show in COLUMNS.values()] for run in runs])


def ratios_table(runs: Sequence[Measured]) -> str:
    """A row for each number of subscribers and pair of servers that were both measured; empty where there is none."""
    by_name = {(run.subscribers, run.server): run for run in runs}
    rows = []
    for subscribers in dict.fromkeys(run.subscribers for run in runs):
        for upper, lower in PAIRS:
            above, below = by_name.get((subscribers, upper)), by_name.get((subscribers, lower))
            if above is not None and below is not None:
                ratios = [_ratio(value(above), value(below)) for value in COMPARED.values()]
                rows.append([f"{subscribers:,}", f"{upper} / {lower}", *ratios])
    return table(["subscribers", "ratio", *COMPARED], rows) if rows else ""


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Markdown that is also legible as it is: columns of equal width, numbers to the right."""
    widths = [max(len(row[column]) for row in (head, *rows)) for column in range(len(head))]
    lines = [[cell.rjust(width) for cell, width in zip(row, widths, strict=True)] for row in (head, *rows)]
    lines.insert(1, ["-" * (width - 1) + ":" for width in widths])
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _ratio(above: float, below: float) -> str:
    return f"{above / below:.2f}" if below > 0 else "-"
