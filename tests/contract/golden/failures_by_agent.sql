WITH counted_0 AS ( SELECT GROUPING (agent) AS missing, agent, sum(total) AS total, sum(failed) AS failed, max(latest) AS latest
  FROM (SELECT events.agent_id AS agent, events.created_at AS at, 1 AS total, CASE events.outcome WHEN 'FAILURE' THEN 1 ELSE 0 END AS failed, events.sequence AS latest
  FROM events
  WHERE events.workspace_id = $1::UUID
  AND true
  AND events.actor_kind = $2::VARCHAR
  AND events.sequence >= (SELECT events_1.sequence
  FROM events AS events_1
  WHERE events_1.workspace_id = $1::UUID
  AND events_1.created_at >= $3::TIMESTAMP WITH TIME ZONE
  ORDER BY events_1.created_at, events_1.sequence
  LIMIT 1)) AS counted
  GROUP BY GROUPING SETS ((), (agent))) SELECT 0 AS part, NULL AS key, NULL AS label, total, failed
  FROM counted_0
  WHERE missing = 1 UNION ALL (SELECT 1 AS part, top.key::text AS key, named.actor_name AS label, top.total, top.failed
  FROM ( SELECT agent AS key, total, failed, latest
  FROM counted_0
  WHERE missing = 0
  AND agent IS NOT NULL
  ORDER BY total DESC, agent
  LIMIT $4::bigint) AS top
  JOIN events AS named ON named.workspace_id = $1::UUID
  AND named.sequence = top.latest
  ORDER BY top.total DESC, top.key);
