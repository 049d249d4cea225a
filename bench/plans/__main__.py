"""`python -m bench.plans`: what PostgreSQL reads for a page of every combination of filters, on a log of any size.

Ends with 1 where a page reads the whole table. Prints how many events each reads, the worst first, and how the reads are spread.
"""

import argparse
import asyncio
import sys
from collections.abc import Sequence
from pathlib import Path
from statistics import quantiles

import asyncpg

from bench.fanout.machine import describe
from bench.fanout.report import table
from bench.growth.generating import GENERATING
from bench.growth.place import make_database, open_place
from bench.home import home
from bench.plans.asking import Question, questions, worst
from bench.plans.reading import Read, read
from trailcast.embedded import EmbeddedPostgres
from trailcast.ledger.database import driver_url
from trailcast.settings import Settings

COLUMNS = ("caller", "filters", "events read", "pages of 8 KiB", "ms", "found", "by")


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m bench.plans", description="What is read for every combination of filters (bench/README.md)."
    )
    parser.add_argument("--events", type=int, default=1_000_000, metavar="N")
    parser.add_argument("--together", type=int, default=3, metavar="N", help="filters at most")
    parser.add_argument("--worst", type=int, default=20, metavar="N", help="are shown")
    parser.add_argument("--counts", action="store_true", help="totalCount instead of pages")
    parser.add_argument("--keep", type=Path, metavar="DIR", help="as of `bench.growth`, whose logs they are")
    return parser.parse_args(arguments)


async def ask_all(url: str, asked: argparse.Namespace) -> list[tuple[Question, Read]]:
    """What each question reads, one after the other. Once without being counted: the first reads from disk."""
    place, settings = await open_place(url, asked.events), Settings()
    connection = await asyncpg.connect(driver_url(url))
    try:
        found = []
        for question in questions(place, asked.together):
            bounds = settings.count_max, settings.count_look_at_max
            statement = question.count(*bounds) if asked.counts else question.page
            values = statement.values(question.asked)
            await read(connection, place.log.workspace_id, statement, values)
            found.append((question, await read(connection, place.log.workspace_id, statement, values)))
        return found
    finally:
        await connection.close()


def show(found: Sequence[tuple[Question, Read]], number: int) -> str:
    """The worst, and how the others are spread."""
    rows = [_row(question, one) for question, one in worst(found, number)]
    reads = [one.rows for _, one in found]
    cuts = quantiles(reads, n=100)
    spread = ", ".join(f"{percent} of 100 read {cuts[percent - 1]:,.0f} or fewer" for percent in (50, 90, 99))
    longest = max(one.ms for _, one in found)
    return f"{table(COLUMNS, rows)}\n\n{len(found):,} combinations: {spread}. The longest took {longest:.1f} ms."


def _row(question: Question, one: Read) -> tuple[str, ...]:
    scans = sorted(scan.removeprefix("events_").removesuffix("_idx") for scan in one.scans)
    found = "" if one.found is None else str(one.found)
    numbers = f"{one.rows:,}", f"{one.buffers:,}", f"{one.ms:.1f}", found
    return question.caller, " + ".join(question.filters), *numbers, ", ".join(scans)


def main(arguments: Sequence[str]) -> int:
    asked = parse(arguments)
    print(describe(), flush=True)
    with home(asked.keep) as directory:
        with EmbeddedPostgres(directory / "postgres", parameters=GENERATING) as postgres:
            asyncio.run(make_database(postgres.url, asked.events, lambda line: print(line, file=sys.stderr)))
        with EmbeddedPostgres(directory / "postgres", parameters={"autovacuum": "off"}) as postgres:
            found = asyncio.run(ask_all(postgres.url(f"growth_{asked.events}"), asked))
    print(show(found, asked.worst))
    whole = [question for question, one in found if one.reads_all]
    for question in whole:
        print(f"{question.caller} reads the whole table for {' + '.join(question.filters)}")
    return 1 if whole else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
