SELECT count(*) AS count_1
  FROM (SELECT events.sequence AS sequence
  FROM events
  WHERE events.workspace_id = $1::UUID
  AND true
  AND events.actor_kind = $2::VARCHAR
  AND events.entity_type = $3::VARCHAR
  AND events.entity_id = $4::VARCHAR
  ORDER BY events.sequence
  LIMIT $5::BIGINT) AS anon_1;
SELECT events.sequence, ((((('{"id":"' || events.id) || '","eventType":') || CAST(to_json(events.event_type) AS TEXT)) || ',"outcome":"') || events.outcome) || '"}' AS written
  FROM events
  WHERE events.workspace_id = $1::UUID
  AND true
  AND events.actor_kind = $2::VARCHAR
  AND events.entity_type = $3::VARCHAR
  AND events.entity_id = $4::VARCHAR
  ORDER BY events.sequence ASC
  LIMIT $5::BIGINT;
SELECT events.sequence, events.entity_name
  FROM events
  WHERE events.workspace_id = $1::UUID
  AND true
  AND events.entity_type = $2::VARCHAR
  AND events.entity_id = $3::VARCHAR
  ORDER BY events.sequence DESC
  LIMIT $4::BIGINT;
SELECT events.sequence, events.event_type, events.id
  FROM events
  WHERE events.workspace_id = $1::UUID
  AND true
  AND events.entity_type = $2::VARCHAR
  AND events.entity_id = $3::VARCHAR
  ORDER BY events.sequence ASC
  LIMIT $4::BIGINT;
SELECT events.sequence, events.id, events.message
  FROM events
  WHERE events.workspace_id = $1::UUID
  AND true
  AND events.entity_type = $2::VARCHAR
  AND events.entity_id = $3::VARCHAR
  ORDER BY events.sequence DESC
  LIMIT $4::BIGINT;
SELECT top.actor_kind, top.actor_id, top.total, top.failed, top.latest, events.actor_name, events.actor_role, events.created_at
  FROM (SELECT events.actor_kind AS actor_kind, events.actor_id AS actor_id, count(*) AS total, count(*) FILTER (WHERE events.outcome = $1::VARCHAR) AS failed, max(events.sequence) AS latest
  FROM events
  WHERE events.workspace_id = $2::UUID
  AND true
  AND events.entity_type = $3::VARCHAR
  AND events.entity_id = $4::VARCHAR
  GROUP BY events.actor_kind, events.actor_id
  ORDER BY count(*) DESC, events.actor_id
  LIMIT $5::INTEGER) AS top
  JOIN events ON events.workspace_id = $6::UUID
  AND events.sequence = top.latest
  ORDER BY top.total DESC, top.actor_id;
