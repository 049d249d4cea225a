"""What is published and how it is asked for: one shape for the three servers, so that they differ in work and not in bytes.

A comment is known by its serial number, which opens its message behind a `#`; nothing else in a delivery holds that sign, so a
client finds it without parsing JSON. Comments go round the boards, and so do subscribers.
"""

from dataclasses import dataclass
from uuid import UUID, uuid5

MARK = "#"
SERIAL_DIGITS = 7
FIRST_MEASURED = 100_000  # serial; those below warm up
MESSAGE_LENGTH = 120  # characters
CURSOR = "AWUAAAAAAAAAAAAAAAAAAAAA"  # as long as the product's
AGENT_NAME, AGENT_ROLE = "Scout", "researcher"

DOCUMENT = """
subscription Follow($board: ID!) {
  commentAdded(boardId: $board) {
    id cursor message createdAt author { kind name } taskId taskTitle boardId boardName agentName
  }
}
"""

_SPACE = UUID("5f0c4f8e-6a55-4b6e-9b0a-0d5c1d1f3a77")
_WORDS = "The export of last night went through except for three invoices whose totals do not agree with the ledger yet; see the run."


@dataclass(frozen=True, slots=True)
class Comment:
    """One comment to be published: its number, and the number of its board."""

    serial: int
    board: int


def identity(kind: str, number: int) -> str:
    """The id of a thing, the same in every run and for every server."""
    return str(uuid5(_SPACE, f"{kind}/{number}"))


def board_name(board: int) -> str:
    return f"Board {board:02}"


def task_title(board: int) -> str:
    return f"Reconcile the invoices of board {board:02}"


def message(serial: int) -> str:
    return f"{MARK}{serial:0{SERIAL_DIGITS}} {_WORDS}"[:MESSAGE_LENGTH]


def board_of(number: int, boards: int) -> int:
    """The board of a subscriber, and of a comment."""
    return number % boards


def measured(events: int, boards: int) -> list[Comment]:
    """The comments whose deliveries count."""
    return [Comment(FIRST_MEASURED + number, board_of(number, boards)) for number in range(events)]
