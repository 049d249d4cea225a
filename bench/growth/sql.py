"""The floor's statements: for each workload the best that is known of, by hand, prepared once per connection.

Two that are about several boards have a second way: instead of reading the log in page order and leaving out what is on other boards,
each board's newest keys are read from an index alone, and then only the page's rows. Which is better depends on the boards.
"""

from collections.abc import Mapping

from bench.growth.shape import RARE_WORD

EVENT = """
    id::text AS id, sequence, event_type AS "eventType", outcome, message, created_at AS "createdAt",
    board_id::text AS "boardId", task_id::text AS "taskId", actor_kind AS "actorKind", actor_name AS "actorName"
"""
COMMENT = """
    e.id::text AS id, e.message, e.created_at AS "createdAt",
    CASE e.actor_kind WHEN 'AGENT' THEN e.actor_name END AS "agentName",
    CASE e.actor_kind WHEN 'AGENT' THEN e.actor_role END AS "agentRole",
    e.task_id::text AS "taskId", t.title AS "taskTitle", e.board_id::text AS "boardId", b.name AS "boardName",
    e.actor_kind AS "authorKind", e.actor_name AS "authorName", e.sequence
"""
NAMES = """
    LEFT JOIN tasks AS t ON t.workspace_id = e.workspace_id AND t.id = e.task_id
    LEFT JOIN boards AS b ON b.workspace_id = e.workspace_id AND b.id = e.board_id
"""
TRAIL = f"SELECT {EVENT} FROM events WHERE workspace_id = $1 AND entity_type = 'task' AND entity_id = $2 ORDER BY sequence LIMIT $3"
KEYS = """
    SELECT key.sequence FROM unnest($2::uuid[]) AS board (id) CROSS JOIN LATERAL (
        SELECT sequence FROM events WHERE workspace_id = $1 AND board_id = board.id AND {0} ORDER BY sequence DESC LIMIT {1}
    ) AS key
    UNION
    (SELECT sequence FROM events WHERE workspace_id = $1 AND user_id = $3 AND {0} ORDER BY sequence DESC LIMIT {1})
    ORDER BY 1 DESC LIMIT {1}
"""
FIRST_SINCE = """
    (SELECT sequence FROM events WHERE workspace_id = $1 AND created_at >= {} ORDER BY created_at, sequence LIMIT 1)
"""

READS: Mapping[str, str] = {
    "/w1": f"SELECT {EVENT} FROM events WHERE workspace_id = $1 AND board_id = $2 ORDER BY sequence DESC LIMIT 51",
    "/w2": f"""
        SELECT {EVENT} FROM events WHERE workspace_id = $1 AND (board_id = ANY ($2::uuid[]) OR user_id = $3) AND sequence < $4
        ORDER BY sequence DESC LIMIT 51""",
    "/w2-boards": f"""
        SELECT {EVENT} FROM events WHERE workspace_id = $1 AND sequence IN ({KEYS.format("sequence < $4", 51)})
        ORDER BY sequence DESC""",
    "/w3": f"""
        SELECT {COMMENT} FROM (
            SELECT * FROM events WHERE workspace_id = $1 AND (board_id = ANY ($2::uuid[]) OR user_id = $3)
                AND event_type = 'task.comment' ORDER BY sequence DESC LIMIT $4
        ) AS e {NAMES} ORDER BY e.sequence DESC""",
    "/w3-boards": f"""
        SELECT {COMMENT} FROM events AS e {NAMES} WHERE e.workspace_id = $1
            AND e.sequence IN ({KEYS.format("event_type = 'task.comment'", "$4")}) ORDER BY e.sequence DESC""",
    "/w4": TRAIL,
    "/w4-json": f"SELECT string_agg(row_to_json(event)::text, ',') FROM ({TRAIL}) AS event",
    "/w5": f"""
        SELECT event_type AS key, count(*) AS total, count(*) FILTER (WHERE outcome = 'FAILURE') AS failed FROM events
        WHERE workspace_id = $1 AND agent_id = $2 AND sequence >= {FIRST_SINCE.format("$3")}
            AND sequence < coalesce({FIRST_SINCE.format("$4")}, {2**63 - 1})
        GROUP BY 1 ORDER BY 2 DESC, 1""",
    "/w8": f"""
        SELECT {EVENT} FROM events WHERE workspace_id = $1 AND board_id = $2 AND message ILIKE '%{RARE_WORD}%'
        ORDER BY sequence DESC LIMIT 51""",
    "/w9": f"SELECT {EVENT} FROM events WHERE workspace_id = $1 ORDER BY sequence DESC LIMIT 51",
}

INTO = """
    INSERT INTO events (workspace_id, sequence, id, created_at, occurred_at, event_type, category, action, outcome, message,
        actor_kind, actor_id, actor_name, actor_role, agent_id, board_id, task_id, entity_type, entity_id, entity_name,
        changes, metadata, correlation_id)
"""
HEAD = """
    head AS (
        UPDATE heads SET last_sequence = last_sequence + {}, last_created_at = greatest(last_created_at, clock_timestamp())
        WHERE workspace_id = $1 RETURNING last_sequence AS sequence, last_created_at AS at
    )
"""
ACTOR = "'AGENT', $2::uuid, $3::text, $4::text, $2::uuid"
WRITES: Mapping[str, str] = {
    "/w6": f"""
        WITH {HEAD.format(1)} {INTO}
        SELECT $1, head.sequence, uuidv7(), at, at, $5, 'task', $6, 'SUCCESS', $7, {ACTOR},
            t.board_id, t.id, 'task', t.id::text, t.title, $8::jsonb, $9::jsonb, $10
        FROM head, tasks AS t WHERE t.workspace_id = $1 AND t.id = $11
        RETURNING id::text AS id, sequence""",
    "/w7": f"""
        WITH {HEAD.format("cardinality($5::text[])")} {INTO}
        SELECT $1, head.sequence - cardinality($5) + place, uuidv7(), at, at, type, 'task', action, 'SUCCESS', message, {ACTOR},
            t.board_id, t.id, 'task', t.id::text, t.title, changes, metadata, correlation
        FROM head, unnest($5::text[], $6::text[], $7::text[], $8::jsonb[], $9::jsonb[], $10::text[], $11::uuid[])
            WITH ORDINALITY AS one (type, action, message, changes, metadata, correlation, task, place)
        JOIN tasks AS t ON t.workspace_id = $1 AND t.id = task
        ORDER BY place
        RETURNING id::text AS id, sequence""",
}
