"""The growth benchmark in small: the log is what it is said to be, three servers answer alike, and what is counted adds up."""

import asyncio
import time
from dataclasses import replace
from pathlib import Path

import asyncpg
import pytest

from bench.fanout.errors import Failed
from bench.fanout.servers import GROWTH_FLOOR, GROWTH_PLAIN, TRAILCAST, Server
from bench.growth import measuring, shape
from bench.growth.comparing import Options, Result, Run, check_written, compare, the_same
from bench.growth.goals import Verdict, grow, judge
from bench.growth.measuring import Measured, median
from bench.growth.place import PAGE, Place, fill, open_place
from bench.growth.report import COLUMNS, show, show_growth
from bench.growth.workloads import COMMENTS, NAMES, make_workloads
from trailcast.ledger.database import driver_url

EVENTS, REQUESTS, BATCH = 2_000, 2, 20
WORKLOADS = make_workloads(BATCH)
ROLLED = "SELECT sum(total) FROM rollups WHERE kind IN ('BOARDS', 'NO_BOARD')"
INDEXES = "SELECT indexdef FROM pg_indexes WHERE tablename = 'events' ORDER BY 1"


async def test_three_servers_answer_alike_and_all_requests_are_counted(empty_database_url: str) -> None:
    connection = await asyncpg.connect(driver_url(empty_database_url))
    try:
        before = await connection.fetch(INDEXES)
        await fill(empty_database_url, EVENTS, lambda _: None)
        assert await connection.fetch(INDEXES) == before
        place = await open_place(empty_database_url, EVENTS)
        await _check_log(connection, place)
        run = await _compare(connection, place)
        # For each server: the look at its answer, the warm-up, the requests.
        written = (1 + REQUESTS + REQUESTS) + (1 + 1 + REQUESTS) * BATCH
        assert await _last_sequence(connection, place) == place.log.events + written * len(NAMES)
        await open_place(empty_database_url, EVENTS)
        assert await _last_sequence(connection, place) == place.log.events
        assert await connection.fetchval("SELECT count(*) FROM events") == EVENTS
        assert await connection.fetchval(ROLLED) == EVENTS
    finally:
        await connection.close()
    assert show(run).count("\n|") == len(run.results) + len(list(judge(run))) + 2 * 2


async def _compare(connection: asyncpg.Connection, place: Place) -> Run:
    said: list[str] = []
    options = Options((1,), 1, 5, REQUESTS, servers=NAMES, workloads=WORKLOADS)
    data = Path(await connection.fetchval("SELECT current_setting('data_directory')"))
    postmaster = int((data / "postmaster.pid").read_text().split()[0])
    run = Run(place.log.events, place.deep_page)
    await compare(place, postmaster, options, run, said.append)
    assert len(said) == len(WORKLOADS)
    assert [(result.workload, result.server, result.way) for result in run.results] == [
        (workload.name, server, way)
        for workload in WORKLOADS
        for server in NAMES
        for way in (workload.ways if server == GROWTH_FLOOR else ("",))
    ]
    assert {result.measured.requests for result in run.results} == {REQUESTS}
    assert all(result.measured.server_ms > 0 and result.measured.p99_ms > 0 for result in run.results)
    # `compare` has held the servers against each other; here is held that there was something to compare.
    assert {name: len(rows) for name, rows in run.rows.items() if name != "W8"} == {
        "W1": PAGE + 1, "W2": PAGE + 1, "W3": COMMENTS + 1, "W4": shape.TRAIL_EVENTS, "W5": 4, "W9": PAGE + 1,
    }  # fmt: skip
    found = run.rows["W8"][:-1]
    assert found
    assert all(shape.RARE_WORD in row["message"] for row in found)
    assert {row["boardId"] for row in found} == {str(place.board)}
    return run


async def _check_log(connection: asyncpg.Connection, place: Place) -> None:
    """Dense, in order on the disk too, one large workspace and some small ones, and exactly one long trail."""
    logs = shape.logs(EVENTS)
    rows = await connection.fetch(
        "SELECT workspace_id, last_sequence, last_created_at, (SELECT (count(*), max(sequence), max(created_at))"
        " = (last_sequence, last_sequence, last_created_at) FROM events AS e WHERE e.workspace_id = h.workspace_id) AS dense"
        " FROM heads AS h"
    )
    assert {row["workspace_id"]: row["last_sequence"] for row in rows} == {log.workspace_id: log.events for log in logs}
    assert all(row["dense"] for row in rows)
    assert sum(log.events for log in logs) == EVENTS
    # On the disk too, but for pages that are filled out of turn.
    order = await connection.fetchval(
        "SELECT corr(sequence, place) FROM (SELECT sequence, row_number() OVER (ORDER BY ctid) AS place FROM events"
        " WHERE workspace_id = $1) AS lying",
        place.log.workspace_id,
    )
    assert order > 0.99
    assert await connection.fetchval(
        "SELECT count(*) FROM events WHERE entity_id = $1 AND task_id = $1::uuid", str(place.trail_task)
    ) == shape.TRAIL_EVENTS  # fmt: skip


async def _last_sequence(connection: asyncpg.Connection, place: Place) -> int:
    query = "SELECT last_sequence FROM heads WHERE workspace_id = $1"
    last: int = await connection.fetchval(query, place.log.workspace_id)
    return last


def _measured(server_ms: float, postgres_ms: float = 1.0, pace: float = 100.0, p99_ms: float = 1.0) -> Measured:
    return Measured(10, pace, server_ms, postgres_ms, 0.1, 1.0, p99_ms, 100)


def test_goals_are_judged_against_the_better_floor_at_the_most_connections() -> None:
    results = [
        Result("W1", TRAILCAST, 1, "", _measured(99)),
        Result("W1", TRAILCAST, 32, "", _measured(1.5)),
        Result("W1", GROWTH_FLOOR, 32, "", _measured(1.0, 9.0)),
        Result("W1", GROWTH_FLOOR, 32, "-other", _measured(1.0)),
        Result("W1", GROWTH_PLAIN, 32, "", _measured(30)),
        Result("W6", TRAILCAST, 32, "", _measured(1, pace=140, p99_ms=3)),
        Result("W6", GROWTH_FLOOR, 32, "", _measured(1, pace=100, p99_ms=2)),
    ]
    run = Run(1_000, 7, results=results, start_s={TRAILCAST: 2.0}, rss_kib={TRAILCAST: 1024})
    assert list(judge(run)) == [
        Verdict("W1", "server CPU / floor", "1.50", "1.70", "1.40", "must"),
        Verdict("W1", "server + PostgreSQL / floor", "1.25", "1.60", "", "must"),
        Verdict("W1", "plain / server CPU", "20.00", "25.00", "", "no"),
        Verdict("W6", "events/s / floor", "1.40", "1.00", "1.30", "aim"),
        Verdict("W6", "p99 / floor", "1.50", "", "1.00", "no"),
        Verdict("start", "seconds to the first answer", "2.00", "1.5", "", "no"),
        Verdict("memory", "MiB after the bench", "1.00", "120", "", "must"),
    ]
    larger = Run(10_000, 7, results=[replace(one, measured=_measured(2.0)) for one in results])
    assert [(one.workload, one.found, one.met) for one in grow(run, larger)] == [
        ("W1", "1.20", "must"),
        ("W6", "1.50", "no"),
    ]
    assert "10,000 / 1,000" in show_growth(run, larger)
    assert [cell.strip() for cell in show(run).splitlines()[2].strip("|").split("|")] == list(COLUMNS)
    # Each number has its own median.
    turns = [_measured(1, p99_ms=3), _measured(2, p99_ms=1), _measured(9, p99_ms=2)]
    assert median(turns) == _measured(2, p99_ms=2)


def test_servers_that_differ_or_write_too_little_are_told_on() -> None:
    assert the_same("W1", {"a": [1, 2], "b": [1, 2]}) == [1, 2]
    with pytest.raises(Failed, match=r"do not answer W1 alike: a \[1, 2\], c \[1, 3\]"):
        the_same("W1", {"a": [1, 2], "b": [1, 2], "c": [1, 3]})
    server, writing = Server("a", 1, 1), next(workload for workload in WORKLOADS if workload.writes == BATCH)
    for grown in (3 * BATCH, 5 * BATCH):  # with two calls of warm-up, of which some may not have been made
        check_written(server, writing, grown, requests=3, warm=2)
    for grown in (2 * BATCH, 3 * BATCH + 1, 6 * BATCH):
        with pytest.raises(Failed, match=f"has grown by {grown} events"):
            check_written(server, writing, grown, requests=3, warm=2)
    with pytest.raises(Failed, match="has grown by 1 events"):
        check_written(server, WORKLOADS[0], 1, requests=3, warm=2)


async def test_a_machine_that_stands_still_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(measuring, "BEAT_S", 0.001)
    async with measuring.watching_the_pulse() as steady:
        await asyncio.sleep(0.01)
        steady.beat()
    monkeypatch.setattr(measuring, "STALL_S", 0.05)
    async with measuring.watching_the_pulse() as stopped:
        stands_still_until = time.monotonic() + 2 * measuring.STALL_S
        while time.monotonic() < stands_still_until:  # nothing else runs: this is what has to be noticed
            pass
        stopped.beat()
    assert (steady.stopped, stopped.stopped) == (False, True)
