SELECT count(*) AS count_1
  FROM (SELECT events.sequence AS sequence
  FROM events
  WHERE events.workspace_id = $1::UUID
  AND true
  AND events.category = ANY ($2::TEXT[])
  ORDER BY events.sequence
  LIMIT $3::BIGINT) AS anon_1;
SELECT events.sequence, events.board_id, events.created_at, events.event_type, events.id, events.message, events.task_id, events.outcome, events.changes, events.actor_kind, events.actor_id, events.actor_name, events.actor_role, board.id AS id_1, board.name, board.is_deleted, task.id AS id_2, task.title, task.status, task.is_deleted AS is_deleted_1, events.board_id AS board_id__1, task_board.id AS id_3, task_board.name AS name_1, task_board.is_deleted AS is_deleted_2
  FROM events
  LEFT OUTER JOIN boards AS board ON board.workspace_id = events.workspace_id
  AND board.id = events.board_id
  LEFT OUTER JOIN tasks AS task ON task.workspace_id = events.workspace_id
  AND task.id = events.task_id
  LEFT OUTER JOIN boards AS task_board ON task_board.workspace_id = events.workspace_id
  AND task_board.id = task.board_id
  WHERE events.workspace_id = $1::UUID
  AND true
  AND events.category = ANY ($2::TEXT[])
  ORDER BY events.sequence DESC
  LIMIT $3::BIGINT;
