"""`python -m bench.pages`: from a link that signs in to the first event of the feed, on the demo, in a browser that has kept nothing.

Beside it, in the same browser and from the same server, a page of a few words: the least that any page takes there.
"""

import argparse
import asyncio
import json
import sys
from asyncio.subprocess import PIPE
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import TypedDict

from bench.fanout.errors import Failed
from bench.fanout.machine import describe
from bench.fanout.report import table
from bench.fanout.servers import TRAILCAST, serving
from bench.home import home, make_demo
from trailcast.embedded import EmbeddedPostgres

VISITS = Path(__file__).with_name("visits.mjs")
COLUMNS = ("page", "ms", "least", "most", "times the few words", "requests", "KiB")


class Visit(TypedDict):
    """One time that a page was opened."""

    ms: float
    requests: int
    bytes: int


async def visit(port: int, token: str, visits: int) -> dict[str, list[Visit]]:
    """By page. Raises Failed where the browser did not come back from one."""
    command = ("node", str(VISITS), f"http://127.0.0.1:{port}", token, str(visits))
    process = await asyncio.create_subprocess_exec(*command, stdout=PIPE)
    output, _ = await process.communicate()
    if process.returncode != 0:
        raise Failed(f"the browser ended with {process.returncode}; above is what it had to say")
    found: dict[str, list[Visit]] = json.loads(output)
    return found


def report(found: dict[str, list[Visit]]) -> str:
    """Medians, with the least and the most, and the ratio of the medians."""
    rows = []
    medians = {name: median(one["ms"] for one in visits) for name, visits in found.items()}
    least = min(medians.values())
    for name, visits in found.items():
        times = [one["ms"] for one in visits]
        rows.append([
            name, f"{medians[name]:.0f}", f"{min(times):.0f}", f"{max(times):.0f}", f"{medians[name] / least:.1f}",
            f"{median(one['requests'] for one in visits):.0f}", f"{median(one['bytes'] for one in visits) / 1024:.0f}",
        ])  # fmt: skip
    return table(COLUMNS, rows)


async def run(url: str, visits: int) -> str:
    company = await make_demo(url)
    async with serving(TRAILCAST, url) as server:
        return report(await visit(server.port, company.tokens.owner, visits))


def main(arguments: Sequence[str]) -> None:
    parser = argparse.ArgumentParser(
        prog="python -m bench.pages", description="How soon the first feed is there (bench/README.md)."
    )
    parser.add_argument("--visits", type=int, default=10, help="of each page")
    asked = parser.parse_args(arguments)
    with home() as directory, EmbeddedPostgres(directory / "postgres") as server:
        print(describe(), flush=True)
        try:
            print(asyncio.run(run(server.url(), asked.visits)))
        except Failed as failure:
            sys.exit(f"bench.pages: {failure}")
        print(describe())


if __name__ == "__main__":
    main(sys.argv[1:])
