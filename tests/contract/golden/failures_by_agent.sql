SELECT count(*) AS count_1, count(*) FILTER (WHERE events.outcome = $1::VARCHAR) AS anon_1
  FROM events
  WHERE events.workspace_id = $2::UUID
  AND true
  AND events.actor_kind = $3::VARCHAR
  AND events.sequence >= (SELECT events_1.sequence
  FROM events AS events_1
  WHERE events_1.workspace_id = $4::UUID
  AND events_1.created_at >= $5::TIMESTAMP WITH TIME ZONE
  ORDER BY events_1.created_at, events_1.sequence
  LIMIT 1);
SELECT top.key, top.total, top.failed, events.actor_name
  FROM (SELECT events.agent_id AS key, count(*) AS total, count(*) FILTER (WHERE events.outcome = $1::VARCHAR) AS failed, max(events.sequence) AS latest
  FROM events
  WHERE events.workspace_id = $2::UUID
  AND true
  AND events.actor_kind = $3::VARCHAR
  AND events.sequence >= (SELECT events_1.sequence
  FROM events AS events_1
  WHERE events_1.workspace_id = $4::UUID
  AND events_1.created_at >= $5::TIMESTAMP WITH TIME ZONE
  ORDER BY events_1.created_at, events_1.sequence
  LIMIT 1)
  AND events.agent_id IS NOT NULL
  GROUP BY events.agent_id
  ORDER BY count(*) DESC, events.agent_id
  LIMIT $6::INTEGER) AS top
  JOIN events ON events.workspace_id = $7::UUID
  AND events.sequence = top.latest
  ORDER BY top.total DESC, top.key;
