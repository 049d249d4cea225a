SELECT events.sequence, events.id, events.message
  FROM events
  WHERE events.workspace_id = $1::UUID
  AND (events.board_id = ANY ($2::UUID[]) OR events.user_id = $3::UUID)
  AND events.id = $4::UUID;
