SELECT events.sequence, events.board_id, events.created_at, events.event_type, events.id, events.message, events.task_id, events.actor_kind, events.actor_id, events.actor_name, events.actor_role, board.id AS id_1, board.name, board.is_deleted, task.id AS id_2, task.title, task.status, task.is_deleted AS is_deleted_1, events.board_id AS board_id__1
  FROM events
  LEFT OUTER JOIN boards AS board ON board.workspace_id = events.workspace_id
  AND board.id = events.board_id
  LEFT OUTER JOIN tasks AS task ON task.workspace_id = events.workspace_id
  AND task.id = events.task_id
  WHERE events.workspace_id = $1::UUID
  AND (events.board_id = ANY ($2::UUID[]) OR events.user_id = $3::UUID)
  AND events.board_id = $4::UUID
  AND events.event_type = 'task.comment'
  ORDER BY events.sequence DESC
  LIMIT $5::BIGINT;
