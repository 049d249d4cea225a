SELECT count(*) AS count_1, count(numbered.written) AS count_2, min(numbered.sequence) FILTER (WHERE numbered.number <= 50) AS anon_1, max(numbered.sequence) FILTER (WHERE numbered.number <= 50) AS anon_2, convert_to(('[' || string_agg(numbered.written, ',') FILTER (WHERE numbered.number <= 50)) || ']', 'UTF8') AS convert_to_1
  FROM (SELECT rows.sequence AS sequence, rows.written AS written, row_number() OVER () AS number
  FROM (SELECT page.sequence AS sequence, ((((('{"id":"' || page.id) || '","eventType":') || CAST(to_json(page.event_type) AS TEXT)) || ',"outcome":"') || page.outcome) || '"}' AS written
  FROM (SELECT events.sequence AS sequence, events.id AS id, events.event_type AS event_type, events.outcome AS outcome
  FROM events
  WHERE events.workspace_id = $1::UUID
  AND true
  AND events.actor_kind = $2::VARCHAR
  AND events.entity_type = $3::VARCHAR
  AND events.entity_id = $4::VARCHAR
  ORDER BY events.sequence ASC
  LIMIT 51) AS page
  ORDER BY page.sequence ASC) AS rows) AS numbered;
SELECT page.sequence, page.entity_name
  FROM (SELECT events.sequence AS sequence, events.entity_name AS entity_name
  FROM events
  WHERE events.workspace_id = $1::UUID
  AND true
  AND events.entity_type = $2::VARCHAR
  AND events.entity_id = $3::VARCHAR
  ORDER BY events.sequence DESC
  LIMIT 2) AS page
  ORDER BY page.sequence DESC;
SELECT page.sequence, page.event_type, page.id
  FROM (SELECT events.sequence AS sequence, events.id AS id, events.event_type AS event_type
  FROM events
  WHERE events.workspace_id = $1::UUID
  AND true
  AND events.entity_type = $2::VARCHAR
  AND events.entity_id = $3::VARCHAR
  ORDER BY events.sequence ASC
  LIMIT 2) AS page
  ORDER BY page.sequence ASC;
SELECT page.sequence, page.id, page.message
  FROM (SELECT events.sequence AS sequence, events.id AS id, events.message AS message
  FROM events
  WHERE events.workspace_id = $1::UUID
  AND true
  AND events.entity_type = $2::VARCHAR
  AND events.entity_id = $3::VARCHAR
  ORDER BY events.sequence DESC
  LIMIT 2) AS page
  ORDER BY page.sequence DESC;
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
