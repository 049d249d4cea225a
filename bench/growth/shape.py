"""What a generated log is made of: how many of everything, how skewed, which words and types; and the ids of all that.

Ids follow from kind, workspace and number, in Python and in SQL alike, so that whoever knows the shape finds everything
without asking the database. Most events are in one workspace; some small ones stand beside it, as on a shared server.
"""

import hashlib
from dataclasses import dataclass
from itertools import accumulate
from uuid import UUID

DAYS = 180
NEIGHBOURS = 5  # small workspaces, each with 2 % of the events
MAIN = 0  # the number of the large one
TRAIL_EVENTS = 351
TRAIL_BOARD = 3
TRAIL_TASK = 0  # no other event is about it
RARE_WORD = "zephyr"
RARE_EVERY = 100  # one message in so many holds it
MEMBER_BOARDS = 40
# Users and agents by their numbers, which begin with 1.
MEMBER, OWNER = 1, 2
WRITER = 1
_WORDS = """
queue worker retry branch merge deploy review invoice customer billing latency cache index schema token session window
budget forecast report contract ticket handover draft summary backlog sprint release rollback migration alert threshold
pipeline artifact sandbox snapshot replica cluster shard tenant webhook payload header cursor feed socket timer signal
vendor supplier warehouse shipment courier parcel pallet delivery refund discount coupon catalogue variant stock order
candidate interview onboarding training policy audit evidence control finding exception waiver approval request answer
"""
WORDS = _WORDS.split()


@dataclass(frozen=True, slots=True)
class EventKind:
    """A type of event: its share of the log, who does it, and what it is about (a task, a board, or neither)."""

    share: int
    event_type: str
    action: str
    actor: str = "AGENT"  # or USER, SERVICE; EITHER is an agent in seven of ten
    place: str = "task"
    outcome: str = "SUCCESS"
    changes: str = "[]"


def _status(before: str, after: str) -> str:
    return f'[{{"path": "status", "before": "{before}", "after": "{after}"}}]'


# Those about tasks first: the events of the trail are drawn from them alone.
KINDS = (
    EventKind(220, "task.comment", "commented", "EITHER"),
    EventKind(70, "task.status_changed", "updated", "EITHER", changes=_status("todo", "doing")),
    EventKind(50, "task.status_changed", "updated", "USER", changes=_status("doing", "review")),
    EventKind(80, "task.updated", "updated", "EITHER", changes='[{"path": "title", "before": "a", "after": "b"}]'),
    EventKind(30, "task.assigned", "assigned", "USER"),
    EventKind(30, "task.created", "created", "EITHER"),
    EventKind(25, "task.completed", "completed"),
    EventKind(40, "task.execution.failed", "executed", outcome="FAILURE"),
    EventKind(300, "agent.heartbeat", "reported", place="board"),
    EventKind(30, "agent.spawned", "spawned", place="board"),
    EventKind(40, "approval.requested", "requested", place="board"),
    EventKind(30, "approval.reviewed", "reviewed", "USER", "board"),
    EventKind(8, "approval.reviewed", "reviewed", "USER", "board", "DENIED"),
    EventKind(2, "board.updated", "updated", "SERVICE", "board"),
    EventKind(35, "auth.login", "logged_in", "USER", "none"),
    EventKind(5, "auth.login_failed", "logged_in", "USER", "none", "FAILURE"),
    EventKind(5, "user.updated", "updated", "SERVICE", "none"),
)
TASK_KINDS = sum(kind.place == "task" for kind in KINDS)
SHARES = sum(kind.share for kind in KINDS)


@dataclass(frozen=True, slots=True)
class Log:
    """One workspace: how many of everything it has. `agent_skew` and `board_skew` are exponents of Zipf's law."""

    number: int
    events: int
    boards: int
    agents: int
    users: int
    tasks: int
    board_skew: float = 1.0
    agent_skew: float = 0.7

    @property
    def workspace_id(self) -> UUID:
        return identity("workspace", self.number, 0)

    def id_of(self, kind: str, number: int) -> UUID:
        return identity(kind, self.number, number)

    def task_id(self, board: int, number: int) -> UUID:
        return identity(f"task {board}", self.number, number)

    @property
    def tasks_by_board(self) -> list[int]:
        """Busy boards have more tasks, every board has one."""
        weights = zipf(self.boards, self.board_skew)
        return [max(1, round(weight * self.tasks)) for weight in weights]

    @property
    def trail_every(self) -> int:
        """Every so many events one is of the trail, as long as it takes."""
        return self.events // TRAIL_EVENTS


def identity(kind: str, workspace: int, number: int) -> UUID:
    """An id, the same in every run. `generating` makes the same in SQL."""
    return UUID(hashlib.md5(f"{kind}/{workspace}/{number}".encode(), usedforsecurity=False).hexdigest())


def logs(events: int) -> list[Log]:
    """The workspaces of a database with so many events in all, the large one first."""
    each = events * 2 // 100
    large = events - NEIGHBOURS * each
    main = Log(MAIN, large, 200 if events >= 100_000 else 60, 300, 60, min(200_000, max(400, events // 40)))
    return [main, *(Log(1 + number, each, 3, 10, 5, 20 + each // 40) for number in range(NEIGHBOURS))]


def granted(log: Log) -> list[int]:
    """The boards that the member may read: spread over busy and quiet ones."""
    every = log.boards / MEMBER_BOARDS
    return [round((number + 1) * every) for number in range(MEMBER_BOARDS)]


def zipf(count: int, exponent: float) -> list[float]:
    """Weights that fall with the rank and sum up to one."""
    weights = [1 / rank**exponent for rank in range(1, count + 1)]
    total = sum(weights)
    return [weight / total for weight in weights]


def starts(weights: list[float]) -> list[float]:
    """Where each begins when all are laid end to end on [0, 1): the thresholds of `width_bucket`."""
    return [0.0, *accumulate(weights)][:-1]
