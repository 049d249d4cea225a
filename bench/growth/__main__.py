"""`python -m bench.growth`: makes a log of each size (or finds it where it was kept), asks the servers, prints what came out.

Ends with 1 where the servers do not answer alike or one does not answer; what had come out until then is printed.
`--compare` reads two files that `--json` wrote, and measures nothing.
"""

import argparse
import asyncio
import json
import os
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from bench.fanout.errors import Failed
from bench.fanout.machine import describe
from bench.growth.comparing import Options, Result, Run, compare
from bench.growth.generating import GENERATING
from bench.growth.measuring import Measured
from bench.growth.place import make_database, open_place
from bench.growth.report import show, show_growth
from bench.growth.workloads import NAMES, WORKLOADS
from bench.home import home
from trailcast.embedded import EmbeddedPostgres

EVENTS_MIN = 1000
# Beside PostgreSQL's own settings: nothing that runs by itself may fall on one server and not on another.
MEASURING = {"autovacuum": "off"}
WORKLOAD_NAMES = tuple(workload.name for workload in WORKLOADS)


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m bench.growth", description="What reads and writes cost as the log grows (bench/README.md)."
    )
    parser.add_argument("--events", type=int, nargs="+", default=[1_000_000], metavar="N", help="each is a log")
    parser.add_argument("--connections", type=int, nargs="+", default=[1, 32], metavar="N")
    parser.add_argument("--repeats", type=int, default=3, help="turns of each, of which the median counts")
    parser.add_argument("--seconds", type=float, default=2.0, metavar="S", help="length of a turn")
    parser.add_argument("--only", default=",".join(WORKLOAD_NAMES), metavar="W1,W2", help="separated by commas")
    parser.add_argument("--servers", default=",".join(NAMES), metavar="SERVERS", help="separated by commas")
    parser.add_argument("--keep", type=Path, metavar="DIR", help="keep the logs there, and use those that are there")
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help="a setting of PostgreSQL")
    parser.add_argument("--json", type=Path, metavar="PATH", help="write the numbers there as well")
    parser.add_argument("--compare", type=Path, nargs=2, metavar="PATH", help="the growth from one file to another")
    asked = parser.parse_args(arguments)
    asked.only, asked.servers = asked.only.split(","), asked.servers.split(",")
    for what, known in (("only", WORKLOAD_NAMES), ("servers", NAMES)):
        if unknown := set(getattr(asked, what)) - set(known):
            parser.error(f"there is no {', '.join(sorted(unknown))}: choose from {', '.join(known)}")
    if min(asked.events) < EVENTS_MIN or min(asked.connections) < 1 or asked.repeats < 1 or asked.seconds <= 0:
        parser.error(f"there must be {EVENTS_MIN:,} events, a connection, a repeat, and some time")
    asked.set = dict(pair.partition("=")[::2] for pair in asked.set)
    return asked


async def run_all(postgres: EmbeddedPostgres, postmaster: int, asked: argparse.Namespace, runs: list[Run]) -> None:
    """Measure every size; `runs` holds what came out, whatever happens."""
    workloads = [workload for workload in WORKLOADS if workload.name in asked.only]
    options = Options(asked.connections, asked.repeats, asked.seconds, servers=asked.servers, workloads=workloads)
    for events in asked.events:
        place = await open_place(postgres.url(f"growth_{events}"), events)
        runs.append(Run(place.log.events, place.deep_page))
        try:
            await compare(place, postmaster, options, runs[-1], tell)
        finally:
            print(f"\n{show(runs[-1])}", flush=True)
        await open_place(place.url, events)  # takes back what was written


async def make_all(postgres: EmbeddedPostgres, events: Sequence[int]) -> None:
    for number in events:
        await make_database(postgres.url, number, tell)


def main(arguments: Sequence[str]) -> int:
    asked = parse(arguments)
    if asked.compare:
        print(show_growth(*(load(path)[-1] for path in asked.compare)))
        return 0
    runs: list[Run] = []
    status = 0
    print(describe(), flush=True)
    with home(asked.keep) as directory:
        data = directory / "postgres"
        with EmbeddedPostgres(data, parameters=GENERATING) as postgres:
            asyncio.run(make_all(postgres, asked.events))
        os.sync()  # it was written without waiting for the disk
        with EmbeddedPostgres(data, parameters={**MEASURING, **asked.set}) as postgres:
            postmaster = int(next(data.rglob("postmaster.pid")).read_text().split()[0])
            try:
                asyncio.run(run_all(postgres, postmaster, asked, runs))
            except Failed as error:
                tell(f"A run failed: {error}")
                status = 1
    if len(runs) > 1:
        print(f"\n{show_growth(runs[0], runs[-1])}")
    print(f"\nAt the end: {describe()}")
    if asked.json:
        asked.json.write_text(
            json.dumps({"machine": describe(), "runs": [asdict(run) for run in runs]}, indent=2, default=str) + "\n"
        )
    return status


def load(path: Path) -> list[Run]:
    """What `--json` has written."""
    return [_run(run) for run in json.loads(path.read_text())["runs"]]


def _run(found: dict[str, Any]) -> Run:
    results = [Result(**{**result, "measured": Measured(**result["measured"])}) for result in found.pop("results")]
    return Run(**found, results=results)


def tell(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
