"""Fills a migrated, empty database with a log of any size, by SQL alone: ten million events take minutes.

Everything is drawn by hashes of the row's number, so two runs give the same log up to event ids and times. The indexes of `events`
that no constraint needs are dropped first and built afterwards from their own definitions, whatever those are. Runs as a superuser,
whom row-level security does not bind. Fills the tables of `models/` but for the roll-ups, which `place` has the engine make: what
else a later migration derives from events has to be filled here too.
"""

import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from random import Random

import asyncpg

from bench.growth import shape
from bench.growth.shape import DAYS, KINDS, RARE_EVERY, RARE_WORD, SHARES, TASK_KINDS, TRAIL_BOARD, Log

Say = Callable[[str], None]
CHUNK = 200_000  # rows written by one statement
PHRASES = 1000
PHRASE_WORDS = (3, 7)
# PostgreSQL, while a log is made that can be made again. Nothing of this counts when something is measured.
GENERATING = {
    "fsync": "off",
    "full_page_writes": "off",
    "autovacuum": "off",
    "max_wal_size": "8GB",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "shared_buffers": "1GB",
}
# All joins are hashed: the planner knows too little of what is drawn to see that nothing else is fit.
SESSION = """
    SET synchronous_commit = off; SET maintenance_work_mem = '1GB'; SET work_mem = '256MB'; SET jit = off;
    SET enable_nestloop = off; SET enable_mergejoin = off
"""

# 0 up to 1, from the number of the event and a seed.
RANDOM = "((hashint8extended(g, {seed}) & 2147483647)::float8 / 2147483648)"

SCRATCH = """
CREATE TEMP TABLE kinds (number int, event_type text, category text, action text, actor text, place text, outcome text, changes jsonb);
CREATE TEMP TABLE phrases (number int, text text);
CREATE TEMP TABLE here_boards (number int, id uuid, name text, tasks int);
CREATE TEMP TABLE here_tasks (board int, number int, id uuid, title text);
CREATE TEMP TABLE here_actors (kind text, number int, id uuid, name text, role text);
"""

# Rows have to lie on the disk in the order of the log, as if they had been written one after the other; the joins would mix them.
# A chunk is sorted in memory.
EVENTS = f"""
INSERT INTO events (
    workspace_id, sequence, id, created_at, occurred_at, event_type, category, action, outcome, message, actor_kind, actor_id,
    actor_name, actor_role, agent_id, user_id, board_id, task_id, entity_type, entity_id, entity_name, changes, metadata,
    correlation_id, idempotency_key, content_sha256)
SELECT
    $1, g, uuidv7(at - now()), at, at - interval '1 millisecond' * (g % 50), event_type, category, action, outcome,
    first.text || ' ' || second.text
        || CASE WHEN event_type = 'task.comment' THEN ', ' || third.text ELSE '' END
        || CASE WHEN rare THEN ' {RARE_WORD}' ELSE '' END,
    event.kind, actor.id, actor.name, actor.role,
    CASE event.kind WHEN 'AGENT' THEN actor.id END, CASE event.kind WHEN 'USER' THEN actor.id END,
    CASE WHEN place <> 'none' THEN board.id END, task.id,
    CASE place WHEN 'task' THEN 'task' WHEN 'board' THEN 'board' ELSE lower(event.kind) END,
    CASE place WHEN 'task' THEN task.id WHEN 'board' THEN board.id ELSE actor.id END::text,
    CASE place WHEN 'task' THEN task.title WHEN 'board' THEN board.name ELSE actor.name END,
    changes,
    CASE event.kind WHEN 'AGENT' THEN jsonb_build_object('run', g / 12, 'attempt', 1 + g % 3) ELSE '{{}}' END,
    CASE event.kind WHEN 'AGENT' THEN 'run-' || g / 12 END,
    CASE WHEN g % 3 = 0 THEN 'key-' || g END,
    CASE WHEN g % 3 = 0 THEN sha256(int8send(g)) END
FROM (
    SELECT drawn.*, kinds.*, $3::timestamptz + g * $4::interval AS at,
        CASE WHEN kinds.actor = 'EITHER' THEN CASE WHEN kind_die < 0.7 THEN 'AGENT' ELSE 'USER' END ELSE kinds.actor END AS kind
    FROM (
        SELECT g, trail, {RANDOM.format(seed=3)} AS kind_die, {RANDOM.format(seed=4)} AS task_die,
            width_bucket({RANDOM.format(seed=1)} * CASE WHEN trail THEN $9 ELSE 1 END, $5::float8[]) AS kind_number,
            CASE WHEN trail THEN {TRAIL_BOARD} ELSE width_bucket({RANDOM.format(seed=2)}, $6::float8[]) END AS board_number,
            width_bucket({RANDOM.format(seed=5)}, $7::float8[]) AS agent_number,
            1 + (hashint8extended(g, 6) & 2147483647) % $8 AS user_number,
            (hashint8extended(g, 7) & 2147483647) % {RARE_EVERY} = 0 AS rare,
            (hashint8extended(g, 8) & 2147483647) % {PHRASES} AS first_number,
            (hashint8extended(g, 9) & 2147483647) % {PHRASES} AS second_number,
            (hashint8extended(g, 10) & 2147483647) % {PHRASES} AS third_number
        FROM (
            SELECT g, $10::bigint > 0 AND g % greatest($10, 1) = 0 AND g / greatest($10, 1) <= {shape.TRAIL_EVENTS} AS trail
            FROM generate_series($11::bigint, least($2, $11 + {CHUNK - 1})) AS g OFFSET 0
        ) AS numbered OFFSET 0
    ) AS drawn JOIN kinds ON kinds.number = kind_number OFFSET 0
) AS event
JOIN here_boards AS board ON board.number = board_number
LEFT JOIN here_tasks AS task ON place = 'task' AND task.board = board_number
    -- Tasks come and go: at any time a twentieth of a board's is worked on.
    AND task.number = CASE WHEN trail THEN {shape.TRAIL_TASK}
        ELSE 1 + floor(least(0.999999, g::float8 / $2 * 0.95 + task_die * 0.05) * board.tasks)::int END
JOIN here_actors AS actor ON actor.kind = event.kind
    AND actor.number = CASE event.kind WHEN 'AGENT' THEN agent_number WHEN 'USER' THEN user_number ELSE 1 END
JOIN phrases AS first ON first.number = first_number
JOIN phrases AS second ON second.number = second_number
JOIN phrases AS third ON third.number = third_number
ORDER BY g
"""
# Every second agent works on one board; the first is bound to none.
DIRECTORY = f"""
INSERT INTO boards (workspace_id, id, name) SELECT '{{home}}', id, name FROM here_boards;
INSERT INTO tasks (workspace_id, id, board_id, title, status)
    SELECT '{{home}}', t.id, b.id, t.title, 'doing' FROM here_tasks AS t JOIN here_boards AS b ON b.number = t.board;
INSERT INTO agents (workspace_id, id, name, role, board_id)
    SELECT '{{home}}', a.id, a.name, a.role, b.id FROM here_actors AS a
    LEFT JOIN here_boards AS b ON a.number % 2 = 0 AND b.number = 1 + a.number % (SELECT count(*) FROM here_boards)
    WHERE kind = 'AGENT';
INSERT INTO users (workspace_id, id, name, role, external_id)
    SELECT '{{home}}', id, name, role, 'growth|' || number FROM here_actors WHERE kind = 'USER';
INSERT INTO services (workspace_id, id, name) SELECT '{{home}}', id, name FROM here_actors WHERE kind = 'SERVICE';
INSERT INTO memberships (workspace_id, user_id, role, all_boards_read)
    SELECT '{{home}}', id, CASE number WHEN {shape.OWNER} THEN 'OWNER' ELSE 'MEMBER' END, number > {shape.OWNER}
    FROM here_actors WHERE kind = 'USER';
"""
HEAD = """
    UPDATE heads SET (last_sequence, last_created_at) =
        (SELECT sequence, created_at FROM events WHERE workspace_id = $1 ORDER BY sequence DESC LIMIT 1)
    WHERE workspace_id = $1
"""
# What has been counted of the last day is counted again, since events were taken out of it.
LAST_DAY = "(SELECT date_trunc('day', last_created_at, 'UTC') FROM heads WHERE workspace_id = $1)"
UNCOUNT = (
    f"DELETE FROM rollups WHERE workspace_id = $1 AND day >= {LAST_DAY}",
    f"""
    UPDATE rollup_marks SET rolled_up_to = least(rolled_up_to,
        (SELECT min(sequence) - 1 FROM events WHERE workspace_id = $1 AND created_at >= {LAST_DAY}))
    WHERE workspace_id = $1""",
)
INDEXES = """
    SELECT indexrelid::regclass::text AS name, pg_get_indexdef(indexrelid) AS definition FROM pg_index
    WHERE indrelid = 'public.events'::regclass AND NOT EXISTS (SELECT FROM pg_constraint WHERE conindid = indexrelid)
    ORDER BY 1
"""


async def generate(connection: asyncpg.Connection, events: int, say: Say) -> None:
    """Fill the database. The last event is of now."""
    began = time.monotonic()
    await connection.execute(SESSION)
    await connection.execute(SCRATCH)
    await _draw(connection)
    indexes = await connection.fetch(INDEXES)
    for index in indexes:
        await connection.execute(f"DROP INDEX {index['name']}")
    end = datetime.now(UTC)
    for log in shape.logs(events):
        await _fill_directory(connection, log)
        await _fill_log(connection, log, end)
        say(f"  {log.events:,} events written after {time.monotonic() - began:.0f} s")
    for index in indexes:
        await connection.execute(index["definition"])
        say(f"  {index['name']} built after {time.monotonic() - began:.0f} s")
    await connection.execute("VACUUM ANALYZE")
    say(f"  {events:,} events are ready after {time.monotonic() - began:.0f} s")


async def _draw(connection: asyncpg.Connection) -> None:
    random = Random(5)  # the same words in every run
    kinds = [
        (number, one.event_type, one.event_type.partition(".")[0], one.action, one.actor, one.place, one.outcome, one.changes)
        for number, one in enumerate(KINDS, start=1)
    ]  # fmt: skip
    await connection.executemany("INSERT INTO kinds VALUES ($1, $2, $3, $4, $5, $6, $7, $8)", kinds)
    phrases = [(n, " ".join(random.sample(shape.WORDS, random.randint(*PHRASE_WORDS)))) for n in range(PHRASES)]
    await connection.executemany("INSERT INTO phrases VALUES ($1, $2)", phrases)
    await connection.execute("ANALYZE kinds; ANALYZE phrases")


async def _fill_directory(connection: asyncpg.Connection, log: Log) -> None:
    home = log.workspace_id
    await connection.execute("INSERT INTO workspaces (id, name) VALUES ($1, $2)", home, f"Workspace {log.number}")
    await connection.execute("INSERT INTO heads (workspace_id) VALUES ($1)", home)
    await connection.execute("TRUNCATE here_boards, here_tasks, here_actors")
    await _scratch(connection, "here_boards", _named("board", log, log.boards), extra=log.tasks_by_board)
    await connection.execute(
        "INSERT INTO here_tasks SELECT b.number, t, md5('task ' || b.number || '/' || $1::text || '/' || t)::uuid,"
        " 'Task ' || t || ' of board ' || b.number FROM here_boards AS b, generate_series(0, b.tasks) AS t",
        str(log.number),
    )
    for kind, count in (("agent", log.agents), ("user", log.users), ("service", 1)):
        rows = [
            (kind.upper(), n, log.id_of(kind, n), f"{kind.title()} {n}", f"{kind} role") for n in range(1, count + 1)
        ]
        await connection.copy_records_to_table("here_actors", records=rows)
    await connection.execute("ANALYZE here_boards; ANALYZE here_tasks; ANALYZE here_actors")
    await connection.execute(DIRECTORY.format(home=home))
    if log.number == shape.MAIN:
        grants = [(home, log.id_of("user", shape.MEMBER), log.id_of("board", n), True) for n in shape.granted(log)]
        columns = ("workspace_id", "user_id", "board_id", "can_read")
        await connection.copy_records_to_table("board_grants", records=grants, columns=columns)


async def _fill_log(connection: asyncpg.Connection, log: Log, end: datetime) -> None:
    step = timedelta(days=DAYS) / log.events
    arguments = (
        log.workspace_id, log.events, end - step * log.events, step,
        shape.starts([kind.share / SHARES for kind in KINDS]),
        shape.starts(shape.zipf(log.boards, log.board_skew)), shape.starts(shape.zipf(log.agents, log.agent_skew)),
        log.users, sum(kind.share for kind in KINDS[:TASK_KINDS]) / SHARES,
        log.trail_every if log.number == shape.MAIN else 0,
    )  # fmt: skip
    for first in range(1, log.events + 1, CHUNK):
        await connection.execute(EVENTS, *arguments, first)
    await connection.execute(HEAD, log.workspace_id)


def _named(kind: str, log: Log, count: int) -> list[tuple[int, object, str]]:
    return [(n, log.id_of(kind, n), f"{kind.title()} {n}") for n in range(1, count + 1)]


async def _scratch(
    connection: asyncpg.Connection, table: str, rows: Sequence[tuple[int, object, str]], extra: Sequence[int]
) -> None:
    records = [(*row, more) for row, more in zip(rows, extra, strict=True)]
    await connection.copy_records_to_table(table, records=records)


async def trim(connection: asyncpg.Connection, events: int) -> None:
    """Take back what a bench has written, so that a kept log stays as large as it is said to be."""
    log = shape.logs(events)[0]
    # A superuser's session that plays the replica runs no triggers, hence not the one that keeps the log append-only.
    await connection.execute("SET session_replication_role = replica")
    deleted = await connection.execute(
        "DELETE FROM events WHERE workspace_id = $1 AND sequence > $2", log.workspace_id, log.events
    )
    await connection.execute("RESET session_replication_role")
    if deleted != "DELETE 0":
        await connection.execute(HEAD, log.workspace_id)
        for statement in UNCOUNT:
            await connection.execute(statement, log.workspace_id)
        await connection.execute("VACUUM ANALYZE events")
