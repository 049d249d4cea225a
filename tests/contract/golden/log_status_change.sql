INSERT INTO events (workspace_id, sequence, id, created_at, occurred_at, event_type, category, action, outcome, message, actor_kind, actor_id, actor_name, actor_role, agent_id, user_id, on_behalf_of_kind, on_behalf_of_id, on_behalf_of_name, on_behalf_of_role, board_id, task_id, entity_type, entity_id, entity_name, changes, metadata, ip_address, user_agent, correlation_id, idempotency_key, content_sha256)
  VALUES ($1::UUID, $2::BIGINT, $3::UUID, $4::TIMESTAMP WITH TIME ZONE, $5::TIMESTAMP WITH TIME ZONE, $6::VARCHAR COLLATE "C", $7::VARCHAR, $8::VARCHAR, $9::VARCHAR, $10::VARCHAR, $11::VARCHAR, $12::UUID, $13::VARCHAR, $14::VARCHAR, $15::UUID, $16::UUID, $17::VARCHAR, $18::UUID, $19::VARCHAR, $20::VARCHAR, $21::UUID, $22::UUID, $23::VARCHAR, $24::VARCHAR, $25::VARCHAR, $26::JSONB, $27::JSONB, $28::VARCHAR, $29::VARCHAR, $30::VARCHAR, $31::VARCHAR, $32::BYTEA);
SELECT $1::VARCHAR AS kind, tasks.id AS id, tasks.title AS name, CAST(NULL AS TEXT) AS extra, tasks.board_id AS board_id, tasks.is_deleted AS is_deleted
  FROM tasks
  WHERE tasks.workspace_id = $2::UUID
  AND tasks.id IN ($3::UUID);
SELECT events.sequence, events.action, events.board_id, events.category, events.entity_name, events.entity_type, events.outcome, events.metadata, events.changes, events.actor_kind, events.actor_id, events.actor_name, events.actor_role
  FROM events
  WHERE events.workspace_id = $1::UUID
  AND events.agent_id = $2::UUID
  AND events.sequence IN ($3::BIGINT);
SELECT events.workspace_id, events.idempotency_key, events.sequence, events.content_sha256
  FROM events
  WHERE (events.workspace_id, events.idempotency_key) IN (($1, $2));
SELECT heads.workspace_id, heads.last_sequence, heads.last_created_at, clock_timestamp() AS clock_timestamp_1
  FROM heads
  WHERE heads.workspace_id IN ($1::UUID)
  ORDER BY heads.workspace_id FOR UPDATE;
UPDATE heads SET last_sequence=$1::BIGINT, last_created_at=$2::TIMESTAMP WITH TIME ZONE
  WHERE heads.workspace_id = $3::UUID;
