SELECT events.sequence, events.id, events.message
  FROM events
  WHERE events.workspace_id = $1::UUID
  AND (events.board_id IN ($4::UUID, $5::UUID) OR events.user_id = $2::UUID)
  AND events.id = $3::UUID;
