SELECT 'TASK', workspace_id, id, title, NULL::text, board_id
  FROM tasks
  WHERE workspace_id = ANY ($1::uuid[])
  AND id = ANY ($2::uuid[]);
SELECT event.workspace_id, event.idempotency_key, event.sequence, event.content_sha256
  FROM unnest($1::uuid[], $2::text[]) AS asked (workspace_id, idempotency_key)
  JOIN events AS event ON event.workspace_id = asked.workspace_id
  AND event.idempotency_key = asked.idempotency_key;
SELECT events.sequence, events.action, events.board_id, events.category, events.entity_name, events.entity_type, events.outcome, events.metadata, events.changes, events.actor_kind, events.actor_id, events.actor_name, events.actor_role
  FROM events
  WHERE events.workspace_id = $1::UUID
  AND events.agent_id = $2::UUID
  AND events.sequence IN ($3::BIGINT);
SELECT workspace_id, last_sequence, last_created_at, clock_timestamp()
  FROM heads
  WHERE workspace_id = ANY ($1::uuid[])
  ORDER BY workspace_id FOR UPDATE;
WITH head (workspace_id, sequence, created_at) AS MATERIALIZED ( SELECT *
  FROM unnest($1::uuid[], $2::bigint[], $3::timestamptz[]) ), moved AS ( UPDATE heads SET last_sequence = head.sequence, last_created_at = head.created_at
  FROM head
  WHERE heads.workspace_id = head.workspace_id ) INSERT INTO events (workspace_id, sequence, id, created_at, occurred_at, event_type, category, action, outcome, message, actor_kind, actor_id, actor_name, actor_role, agent_id, user_id, on_behalf_of_kind, on_behalf_of_id, on_behalf_of_name, on_behalf_of_role, board_id, task_id, entity_type, entity_id, entity_name, changes, metadata, ip_address, user_agent, correlation_id, idempotency_key, content_sha256) SELECT coalesce(event.workspace_id, $36::UUID), coalesce(event.sequence, $37::BIGINT), coalesce(event.id, $38::UUID), coalesce(coalesce(event.created_at, $39::TIMESTAMP WITH TIME ZONE), head.created_at), coalesce(coalesce(event.occurred_at, $40::TIMESTAMP WITH TIME ZONE), coalesce(coalesce(event.created_at, $39::TIMESTAMP WITH TIME ZONE), head.created_at)), coalesce(event.event_type, $41::TEXT), coalesce(event.category, $42::TEXT), coalesce(event.action, $43::TEXT), coalesce(event.outcome, $44::TEXT), coalesce(event.message, $45::TEXT), coalesce(event.actor_kind, $46::TEXT), coalesce(event.actor_id, $47::UUID), coalesce(event.actor_name, $48::TEXT), coalesce(event.actor_role, $49::TEXT), coalesce(event.agent_id, $50::UUID), coalesce(event.user_id, $51::UUID), coalesce(event.on_behalf_of_kind, $52::TEXT), coalesce(event.on_behalf_of_id, $53::UUID), coalesce(event.on_behalf_of_name, $54::TEXT), coalesce(event.on_behalf_of_role, $55::TEXT), coalesce(event.board_id, $56::UUID), coalesce(event.task_id, $57::UUID), coalesce(event.entity_type, $58::TEXT), coalesce(event.entity_id, $59::TEXT), coalesce(event.entity_name, $60::TEXT), coalesce(event.changes, $61::text)::jsonb, coalesce(event.metadata, $62::text)::jsonb, coalesce(event.ip_address, $63::TEXT), coalesce(event.user_agent, $64::TEXT), coalesce(event.correlation_id, $65::TEXT), coalesce(event.idempotency_key, $66::TEXT), coalesce(event.content_sha256, $67::BYTEA)
  FROM unnest($4::UUID[], $5::BIGINT[], $6::UUID[], $7::TIMESTAMP WITH TIME ZONE[], $8::TIMESTAMP WITH TIME ZONE[], $9::TEXT[], $10::TEXT[], $11::TEXT[], $12::TEXT[], $13::TEXT[], $14::TEXT[], $15::UUID[], $16::TEXT[], $17::TEXT[], $18::UUID[], $19::UUID[], $20::TEXT[], $21::UUID[], $22::TEXT[], $23::TEXT[], $24::UUID[], $25::UUID[], $26::TEXT[], $27::TEXT[], $28::TEXT[], $29::text[], $30::text[], $31::TEXT[], $32::TEXT[], $33::TEXT[], $34::TEXT[], $35::BYTEA[]) AS event (workspace_id, sequence, id, created_at, occurred_at, event_type, category, action, outcome, message, actor_kind, actor_id, actor_name, actor_role, agent_id, user_id, on_behalf_of_kind, on_behalf_of_id, on_behalf_of_name, on_behalf_of_role, board_id, task_id, entity_type, entity_id, entity_name, changes, metadata, ip_address, user_agent, correlation_id, idempotency_key, content_sha256)
  JOIN head ON head.workspace_id = coalesce(event.workspace_id, $36::UUID);
