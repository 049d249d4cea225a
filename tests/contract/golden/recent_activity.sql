SELECT count(*) AS found, false AS is_cut
  FROM (SELECT events.sequence AS sequence
  FROM events
  WHERE events.workspace_id = $1::UUID
  AND true
  AND events.category = ANY ($2::TEXT[])
  LIMIT 10001) AS anon_1;
SELECT page.sequence, page.board_id, page.created_at, page.event_type, page.id, page.message, page.task_id, page.outcome, page.changes, page.actor_kind, page.actor_id, page.actor_name, page.actor_role, board.id AS id_1, board.name, board.is_deleted, task.id AS id_2, task.title, task.status, task.is_deleted AS is_deleted_1, page.board_id AS board_id__1, task_board.id AS id_3, task_board.name AS name_1, task_board.is_deleted AS is_deleted_2
  FROM (SELECT events.workspace_id AS workspace_id, events.sequence AS sequence, events.id AS id, events.created_at AS created_at, events.event_type AS event_type, events.outcome AS outcome, events.message AS message, events.actor_kind AS actor_kind, events.actor_id AS actor_id, events.actor_name AS actor_name, events.actor_role AS actor_role, events.board_id AS board_id, events.task_id AS task_id, events.changes AS changes
  FROM events
  WHERE events.workspace_id = $1::UUID
  AND true
  AND events.category = ANY ($2::TEXT[])
  ORDER BY events.sequence DESC
  LIMIT 4) AS page
  LEFT OUTER JOIN boards AS board ON board.workspace_id = page.workspace_id
  AND board.id = page.board_id
  LEFT OUTER JOIN tasks AS task ON task.workspace_id = page.workspace_id
  AND task.id = page.task_id
  LEFT OUTER JOIN boards AS task_board ON task_board.workspace_id = page.workspace_id
  AND task_board.id = task.board_id
  ORDER BY page.sequence DESC;
