"""`python -m bench.fanout`: reads what is asked, brings a PostgreSQL where the product is measured, prints what came out.

Ends with 1 where a delivery was missed or repeated, or where a run could not go on; what had come out until then is printed.
"""

import argparse
import asyncio
import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

from bench.fanout.comparing import compare, rest
from bench.fanout.errors import Failed
from bench.fanout.machine import describe, raise_file_limit
from bench.fanout.measuring import Measured
from bench.fanout.options import Options
from bench.fanout.report import ratios_table, results_table
from bench.fanout.servers import NAMES, TRAILCAST
from bench.home import home
from trailcast.embedded import EmbeddedPostgres

SUBSCRIBERS_MAX = 20_000  # ports of one loopback address, with some to spare
FILES_BESIDE = 200  # that a process holds besides its sockets
BEFORE_A_RUN_S, ALONE_S = 5.0, 30.0  # how long rest is measured


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.fanout", description="What fan-out costs (bench/README.md).")
    parser.add_argument(
        "--subscribers", type=int, nargs="+", default=[100, 1000, 5000], metavar="N", help="each is a run"
    )
    parser.add_argument("--rate", type=float, default=20, help="comments a second")
    parser.add_argument("--events", type=int, default=100, help="comments in a run")
    parser.add_argument("--boards", type=int, default=5, help="boards; a comment goes to the subscribers of one")
    parser.add_argument("--only", default=",".join(NAMES), metavar="SERVERS", help="separated by commas")
    parser.add_argument(
        "--idle", type=int, metavar="N", help="measure only the CPU at rest, with N subscribers over 30 s"
    )
    parser.add_argument("--deadline", type=float, default=300, metavar="S", help="longest wait for any one thing")
    parser.add_argument("--json", type=Path, metavar="PATH", help="write the numbers there as well")
    asked = parser.parse_args(arguments)
    asked.only = asked.only.split(",")
    counts = asked.subscribers if asked.idle is None else [asked.idle]
    if unknown := set(asked.only) - set(NAMES):
        parser.error(f"there is no server {', '.join(sorted(unknown))}: choose from {', '.join(NAMES)}")
    if not (asked.boards >= 1 and asked.events >= asked.boards and asked.rate > 0):
        parser.error("there must be a board, a rate, and a comment for each board")
    if not all(asked.boards <= count <= SUBSCRIBERS_MAX for count in counts):
        parser.error(f"a number of subscribers must be from {asked.boards} (--boards) to {SUBSCRIBERS_MAX}")
    return asked


@contextmanager
def postgres(names: Sequence[str]) -> Iterator[str | None]:
    """An empty database with PostgreSQL's own settings, where the product is to be measured."""
    if TRAILCAST not in names:
        yield None
        return
    with home() as directory, EmbeddedPostgres(directory / "postgres") as server:
        yield server.url()


async def compare_servers(asked: argparse.Namespace, options: Options, url: str | None) -> int:
    """Measure and print; the exit status."""
    runs: list[Measured] = []
    failed = ""
    try:
        async for run in compare(url, asked.only, asked.subscribers, options, tell):
            runs.append(run)
            tell(
                f"  p50 {run.p50_ms:.1f} ms, p99 {run.p99_ms:.1f} ms, {run.cpu_us_per_delivery:.1f} us of CPU per delivery"
            )
    except Failed as error:
        failed = str(error)
    if runs:
        parts = (results_table(runs), ratios_table(runs), f"At the end: {describe()}")
        print("\n\n".join(part for part in parts if part))
    if asked.json:
        write(asked.json, options, [asdict(run) for run in runs])
    if failed:
        tell(f"A run failed: {failed}")
    return int(bool(failed) or any(run.missed or run.repeated for run in runs))


async def watch_rest(asked: argparse.Namespace, options: Options, url: str | None) -> int:
    """Measure and print; the exit status."""
    try:
        used = await rest(url, asked.only, asked.idle, options, tell)
    except Failed as error:
        tell(f"A run failed: {error}")
        return 1
    print("\n".join(f"{name}: {percent:.2f} % of a core" for name, percent in used.items()))
    if asked.json:
        write(asked.json, options, used)
    return 0


def main(arguments: Sequence[str]) -> int:
    asked = parse(arguments)
    raise_file_limit(max([asked.idle] if asked.idle else asked.subscribers) + FILES_BESIDE)
    idle_s = ALONE_S if asked.idle else BEFORE_A_RUN_S
    options = Options(asked.rate, asked.events, asked.boards, idle_s, asked.deadline)
    print(describe())
    if not asked.idle:
        print(
            f"{asked.events} comments, {asked.rate:g} a second, each to 1 in {asked.boards} of the subscribers",
            flush=True,
        )
    with postgres(asked.only) as url:
        return asyncio.run((watch_rest if asked.idle else compare_servers)(asked, options, url))


def write(path: Path, options: Options, results: object) -> None:
    numbers = {"machine": describe(), "options": asdict(options), "results": results}
    path.write_text(json.dumps(numbers, indent=2) + "\n")


def tell(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
