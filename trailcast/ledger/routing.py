"""Where a front end should go for an event: the name of a page and its parameters. Six rules, the first that fits."""

from datetime import datetime
from typing import Any

from trailcast.ledger.catalogue import COMMENT
from trailcast.records import EventRecord, Route


def route_of(event: EventRecord) -> Route:
    """The route of an event that was read with its id, type, board, task and time."""
    board, task, event_type = event.board_id, event.task_id, event.event_type or ""
    if board and task and event_type == COMMENT:
        return Route("board", {"boardId": str(board), "taskId": str(task), "commentId": str(event.id)})
    if board and event_type.startswith("approval."):
        return Route("board.approvals", {"boardId": str(board)})
    if board and event_type.startswith("board."):
        return Route("board", {"boardId": str(board), "panel": "chat"})
    if board and task:
        return Route("board", {"boardId": str(board), "taskId": str(task)})
    if board:
        return Route("board", {"boardId": str(board)})
    params: dict[str, Any] = {
        "eventId": str(event.id), "eventType": event_type, "createdAt": _instant(event.created_at),
    }  # fmt: skip
    if task:
        params["taskId"] = str(task)
    return Route("activity", params)


def _instant(moment: datetime | None) -> str | None:
    return moment.isoformat(timespec="microseconds") if moment else None
