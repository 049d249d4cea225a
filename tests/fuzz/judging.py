"""Sends requests to a running server and says what is wrong with an answer, whatever was asked: a status of ours, a masked error, an
error without its code or its request's id, a word of the machinery, a line in the log."""

import json
import logging
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import httpx

import schema.errors
from tests.docs.test_errors import leaves
from tests.fuzz.documents import Request
from tests.support.serving import RunningServer
from trailcast.errors import TrailcastError

CODES = leaves(TrailcastError) | {
    value for name, value in vars(schema.errors).items() if name.isupper() and isinstance(value, str)
}
SAYABLE = CODES - {"INTERNAL", "CONFIGURATION", "UNAVAILABLE"}  # the database is there and idle: none of these is due
MACHINERY = re.compile(
    r"asyncpg|sqlalchemy|psycopg|starlette|strawberry|graphql\.|Traceback|File \"|object at 0x|<class|Exception|NoneType"
    r"|\w+Error\b|relation \"|column \"|violates|syntax error at|duplicate key|unexpected keyword|\bself\b",
)
STREAM = "text/event-stream"


@dataclass
class Tally:
    """What became of the requests of one caller."""

    sent: int = 0
    executed: int = 0  # got past the door: the answer has data, be it null
    answered: int = 0  # some root field was answered with something
    codes: Counter[str] = field(default_factory=Counter)
    findings: list[str] = field(default_factory=list)

    def __add__(self, other: "Tally") -> "Tally":
        return Tally(
            self.sent + other.sent,
            self.executed + other.executed,
            self.answered + other.answered,
            self.codes + other.codes,
            self.findings + other.findings,
        )

    def __str__(self) -> str:
        share = f"{self.executed} executed ({self.executed / max(self.sent, 1):.0%}), {self.answered} with an answer"
        codes = ", ".join(f"{code} {count}" for code, count in sorted(self.codes.items()))
        return f"{self.sent} sent, {share}, {len(self.findings)} findings; errors: {codes}"


class Lines(logging.Handler):
    """What a server logs that it should not: warnings, and more."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(f"{record.name}: {record.getMessage()}\n{record.exc_info}")

    def take(self) -> list[str]:
        """The lines since the last time."""
        lines, self.lines = self.lines, []
        return lines


async def ask_all(server: RunningServer, token: str, requests: Iterable[Request]) -> Tally:
    """Have them answered one by one, and judge each answer."""
    tally, log = Tally(), Lines()
    logging.getLogger().addHandler(log)
    headers = {"authorization": f"Bearer {token}", "content-type": "application/json"}
    try:
        async with httpx.AsyncClient(headers=headers, timeout=30) as http:
            for request in requests:
                try:
                    found = await _ask(http, server, request, tally)
                except httpx.HTTPError as error:
                    found = [f"no answer: {error!r}"]
                found += [f"logged: {line}" for line in log.take()]
                tally.findings += [f"{what}\n{request}" for what in found]
    finally:
        logging.getLogger().removeHandler(log)
    return tally


async def _ask(http: httpx.AsyncClient, server: RunningServer, request: Request, tally: Tally) -> list[str]:
    # As text that json itself wrote: lone surrogates and all.
    body = json.dumps({"query": request.query, "variables": request.variables}).encode()
    accept = STREAM if request.is_subscription else "application/json"
    tally.sent += 1
    async with http.stream("POST", server.http, content=body, headers={"accept": accept}) as response:
        content = await anext(response.aiter_bytes()) if request.is_subscription else await response.aread()
    if response.headers["content-type"].startswith(STREAM):
        if not content.startswith(b"event: next\ndata: "):
            tally.executed += 1
            tally.answered += 1
            return [] if content.startswith((b":", b"id: ")) else [f"no event: {content!r}"]
        content = content.partition(b"data: ")[2].partition(b"\n")[0]
    try:
        answer = json.loads(content)
    except ValueError:
        return [f"no JSON: {content[:500]!r}"]
    if "data" in answer:
        tally.executed += 1
        tally.answered += any(value is not None for value in (answer["data"] or {}).values())
    return _judge(answer, response, tally)


def _judge(answer: dict[str, Any], response: httpx.Response, tally: Tally) -> list[str]:
    errors: Sequence[dict[str, Any]] = answer.get("errors", [])
    found = [] if response.status_code < 500 else [f"status {response.status_code}"]
    if not errors and not answer.get("data"):
        found.append("neither data nor errors")
    for error in errors:
        code = error.get("extensions", {}).get("code")
        tally.codes[code] += 1
        if code not in SAYABLE:
            found.append(f"code {code}: {error}")
        if error["extensions"].get("requestId") != response.headers["x-request-id"]:
            found.append(f"no request's id: {error}")
        if MACHINERY.search(error["message"]):
            found.append(f"machinery: {error}")
    return found
