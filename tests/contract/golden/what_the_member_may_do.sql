SELECT agents.name, agents.id, agents.role, agents.is_deleted, boards.id AS id_1, boards.name AS name_1, boards.is_deleted AS is_deleted_1
  FROM agents
  LEFT OUTER JOIN boards ON boards.workspace_id = agents.workspace_id
  AND boards.id = agents.board_id
  WHERE agents.workspace_id = $1::UUID
  AND (agents.board_id IS NULL OR agents.board_id IN ($3::UUID, $4::UUID))
  ORDER BY agents.name, agents.id
  LIMIT $2::INTEGER;
SELECT boards.name, boards.id, boards.is_deleted
  FROM boards
  WHERE boards.workspace_id = $1::UUID
  AND boards.id IN ($3::UUID, $4::UUID)
  ORDER BY boards.name, boards.id
  LIMIT $2::INTEGER;
SELECT tasks.title, tasks.id, tasks.status, tasks.is_deleted, boards.id AS id_1, boards.name, boards.is_deleted AS is_deleted_1
  FROM tasks
  LEFT OUTER JOIN boards ON boards.workspace_id = tasks.workspace_id
  AND boards.id = tasks.board_id
  WHERE tasks.workspace_id = $1::UUID
  AND tasks.board_id IN ($3::UUID, $4::UUID)
  ORDER BY tasks.title, tasks.id
  LIMIT $2::INTEGER;
