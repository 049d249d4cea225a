"""`python -m bench.walls`: asks two servers the same, one with row-level security and one without, in short turns that alternate.

What else the machine does falls on both alike. CPU is that of the server's process and of all of PostgreSQL's, which nobody else uses
meanwhile, per request. Prints the medians of the turns and their ratios; ends with 1 where an answer differs.
"""

import argparse
import asyncio
import json
import statistics
import sys
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from bench.fanout.http1 import LENGTH
from bench.fanout.machine import cpu_ns, describe
from bench.fanout.servers import TRAILCAST, UNWALLED, Server, serving
from bench.home import home, make_demo
from trailcast.demo.handout import DemoWorkspace
from trailcast.embedded import EmbeddedPostgres

FIELDS = "id sequence eventType message outcome createdAt cursor actor { name } board { name } task { title }"
QUESTIONS = {
    "newest 50 of a board": f"query($board: ID!) {{ activityEvents(filter: {{boardId: [$board]}}) {{ nodes {{ {FIELDS} }} }} }}",
    "newest 50 of the workspace": f"{{ activityEvents {{ nodes {{ {FIELDS} }} }} }}",
    "20 comments with names": "{ taskComments(first: 20) { nodes { id message agentName taskTitle boardName } } }",
    "newest event": "{ activityEvents(first: 1) { nodes { id message } } }",
}


@dataclass(slots=True)
class Measured:
    """CPU per request in each turn, in microseconds."""

    server_us: list[float] = field(default_factory=list)
    postgres_us: list[float] = field(default_factory=list)


class Asker:
    """One kept-alive connection to one server."""

    def __init__(self, server: Server, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, token: str) -> None:
        self.server = server
        self._reader, self._writer, self._token = reader, writer, token

    async def ask(self, document: str, variables: dict[str, str]) -> bytes:
        """The body of the answer."""
        body = json.dumps({"query": document, "variables": variables}).encode()
        head = (
            f"POST /graphql HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
            f"Authorization: Bearer {self._token}\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        self._writer.write(head.encode() + body)
        answered = await self._reader.readuntil(b"\r\n\r\n")
        length = LENGTH.search(answered)
        return await self._reader.readexactly(int(length[1]) if length else 0)


def postgres_ns(postmaster: int) -> int:
    """What all processes of a PostgreSQL have used so far. None of its backends ends while the pools stand."""
    children = Path(f"/proc/{postmaster}/task/{postmaster}/children").read_text().split()
    return sum(map(cpu_ns, (postmaster, *map(int, children))))


@asynccontextmanager
async def asker(name: str, url: str, token: str) -> AsyncGenerator[Asker]:
    async with serving(name, url) as server:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        yield Asker(server, reader, writer, token)
        writer.close()


async def compare(
    url: str, postmaster: int, home: DemoWorkspace, turns: int, requests: int
) -> dict[str, dict[str, Measured]]:
    """By question and server. Raises ValueError where the two answer differently."""
    found = {question: {name: Measured() for name in (TRAILCAST, UNWALLED)} for question in QUESTIONS}
    variables = {"board": str(home.boards[0])}
    async with asker(TRAILCAST, url, home.tokens.owner) as walled, asker(UNWALLED, url, home.tokens.owner) as unwalled:
        for question, document in QUESTIONS.items():
            answers = {await one.ask(document, variables) for one in (walled, unwalled)}
            if len(answers) != 1 or b'"errors"' in answers.pop():
                raise ValueError(f"the servers do not answer {question!r} alike")
            for turn in range(turns):
                # Each is first in every other turn.
                for one in (walled, unwalled) if turn % 2 else (unwalled, walled):
                    before = cpu_ns(one.server.pid), postgres_ns(postmaster)
                    for _ in range(requests):
                        await one.ask(document, variables)
                    after = cpu_ns(one.server.pid), postgres_ns(postmaster)
                    measured = found[question][one.server.name]
                    measured.server_us.append((after[0] - before[0]) / requests / 1000)
                    measured.postgres_us.append((after[1] - before[1]) / requests / 1000)
    return found


def table(found: dict[str, dict[str, Measured]]) -> str:
    """Medians of the turns, in microseconds of CPU per request, and the ratio of the sums."""
    lines = [
        "| read | server us, with | without | PostgreSQL us, with | without | together, with / without |",
        "| --- | ---: | ---: | ---: | ---: | ---: |",
    ]
    for question, measured in found.items():
        walled, unwalled = measured[TRAILCAST], measured[UNWALLED]
        cells = [statistics.median(values) for values in (
            walled.server_us, unwalled.server_us, walled.postgres_us, unwalled.postgres_us,
        )]  # fmt: skip
        together = statistics.median(map(sum, zip(walled.server_us, walled.postgres_us, strict=True)))
        before = statistics.median(map(sum, zip(unwalled.server_us, unwalled.postgres_us, strict=True)))
        lines.append(f"| {question} | {' | '.join(f'{cell:,.0f}' for cell in cells)} | {together / before:.3f} |")
    return "\n".join(lines)


async def run(url: str, postmaster: int, asked: argparse.Namespace) -> str:
    return table(await compare(url, postmaster, await make_demo(url), asked.turns, asked.requests))


def main(arguments: Sequence[str]) -> None:
    parser = argparse.ArgumentParser(
        prog="python -m bench.walls", description="What row-level security costs (bench/README.md)."
    )
    parser.add_argument("--turns", type=int, default=20, help="turns of each server and question")
    parser.add_argument("--requests", type=int, default=200, help="requests in a turn")
    asked = parser.parse_args(arguments)
    with home() as directory, EmbeddedPostgres(directory / "postgres") as server:
        postmaster = int(next(directory.rglob("postmaster.pid")).read_text().split()[0])
        print(describe(), flush=True)
        print(asyncio.run(run(server.url(), postmaster, asked)))
        print(describe())


if __name__ == "__main__":
    main(sys.argv[1:])
