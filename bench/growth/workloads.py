"""What is asked: W1 to W9, each as a document with variables, the same for the two GraphQL servers, and as arguments for the floor.

Cursors are each server's own, so `after` differs. `rows` makes the answers comparable: plain rows of plain values, whoever answered.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from bench.fanout.errors import Failed
from bench.fanout.servers import GROWTH_FLOOR, GROWTH_PLAIN, TRAILCAST
from bench.growth.place import Place
from bench.growth.shape import RARE_WORD, TRAIL_EVENTS
from bench.growth.wire import post
from trailcast.ledger.cursor import encode_sequence

NAMES = (TRAILCAST, GROWTH_FLOOR, GROWTH_PLAIN)
COMMENTS = 20
BATCH = 1000
FIELDS = "id sequence eventType outcome message createdAt boardId taskId actor { kind name }"
INFO = "pageInfo { hasNextPage endCursor }"
COMMENT_FIELDS = (
    "id message createdAt agentName agentRole taskId taskTitle boardId boardName author { kind name }"  # a feed's line
)
LIST = f"""query List($filter: ActivityEventFilter, $after: String) {{
    activityEvents(filter: $filter, after: $after) {{ nodes {{ {FIELDS} }} {INFO} }}
}}"""
FEED = f"query Feed($first: Int) {{ taskComments(first: $first) {{ nodes {{ {COMMENT_FIELDS} }} {INFO} }} }}"
TRAIL = f"""query Trail($task: ID!, $first: Int) {{
    auditTrail(entityType: "task", entityId: $task) {{ events(first: $first) {{ nodes {{ {FIELDS} }} }} }}
}}"""
METRICS = """query Metrics($agents: [ID!], $since: DateTime!, $until: DateTime) {
    activityMetrics(since: $since, until: $until, filter: { agentId: $agents }) {
        total failed errorRatePct breakdown(by: EVENT_TYPE) { key total failed }
    }
}"""
LOG_ONE = """mutation Log($input: LogActivityInput!) {
    logActivity(input: $input) { event { id sequence } errors { code message path } }
}"""
LOG_MANY = """mutation LogMany($inputs: [LogActivityInput!]!) {
    logActivities(inputs: $inputs) { events { id sequence } errors { code message path } }
}"""

Variables = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Workload:
    """One of the nine. `writes` is how many events a request writes; the floor may have several `ways`, of which the better counts."""

    name: str
    title: str
    caller: str
    document: str
    variables: Callable[[Place], Variables]
    rows: Callable[[Any], list[Any]]
    writes: int = 0
    ways: tuple[str, ...] = ("",)

    def request(self, server: str, place: Place, way: str = "") -> bytes:
        """As it goes over the wire to this server."""
        token, variables = place.tokens[self.caller], dict(self.variables(place))
        if server == GROWTH_FLOOR:
            return post(f"/{self.name.lower()}{way}", variables, token)
        if "after" in variables:
            after = variables["after"]
            variables["after"] = encode_sequence(place.log.workspace_id, after) if server == TRAILCAST else str(after)
        return post("/graphql", {"query": self.document, "variables": variables}, token)


def _list(answer: Any) -> list[Any]:
    return [*_flat(answer["activityEvents"]["nodes"]), answer["activityEvents"]["pageInfo"]["hasNextPage"]]


def _feed(answer: Any) -> list[Any]:
    nodes = _flat(answer["taskComments"]["nodes"])
    for node in nodes:
        node.pop("sequence", None)  # the floor's cursor, which a comment does not show
    return [*nodes, answer["taskComments"]["pageInfo"]["hasNextPage"]]


def _trail(answer: Any) -> list[Any]:
    return _flat(answer["auditTrail"]["events"]["nodes"])


def _metrics(answer: Any) -> list[Any]:
    metrics = answer["activityMetrics"]
    return [metrics["total"], metrics["failed"], metrics["errorRatePct"], metrics["breakdown"]]


def _logged(answer: Any) -> list[Any]:
    (payload,) = answer.values()
    if payload.get("errors"):
        raise Failed(f"an event was refused: {payload['errors'][0]}")
    return payload["events"] if "events" in payload else [payload["event"]]


def _flat(nodes: list[dict[str, Any]]) -> list[Any]:
    """Nested objects as names with a prefix, times as times, whole numbers as such."""
    found = []
    for node in nodes:
        row: dict[str, Any] = {}
        for name, value in node.items():
            if isinstance(value, dict):
                row |= {f"{name}{key.title()}": inner for key, inner in value.items()}
            elif name == "createdAt":
                row[name] = datetime.fromisoformat(value)
            else:
                row[name] = int(value) if name == "sequence" else value
        found.append(row)
    return found


def _metric_variables(place: Place) -> Variables:
    return {"agents": [str(place.agent)], "since": place.since.isoformat(), "until": place.until.isoformat()}


def _input(place: Place, number: int) -> Variables:
    comment = number % 3 == 0
    return {
        "eventType": "task.comment" if comment else "task.updated",
        "taskId": str(place.written_task(number)),
        "message": f"Step {number} of the release is done, the next one waits for an approval",
        "metadata": {"attempt": 1 + number % 3, "duration": number, "model": "large"},
        "correlationId": f"bench-{number // 12}",
        **({} if comment else {"changes": [{"path": "status", "before": "todo", "after": "doing"}]}),
    }


def make_workloads(batch: int = BATCH) -> tuple[Workload, ...]:
    """All nine, reads first; W7 writes so many events in one call."""
    return (
        Workload(
            "W1", "newest 50 of a board", "owner", LIST, lambda place: {"filter": {"boardId": [str(place.board)]}}, _list
        ),
        Workload(
            "W2", "page 2,000, 40 boards", "member", LIST, lambda place: {"after": place.deep}, _list,
            ways=("", "-boards"),
        ),
        Workload(
            "W3", "20 comments with names", "member", FEED, lambda _: {"first": COMMENTS}, _feed, ways=("", "-boards")
        ),
        Workload(
            "W4", "trail of 351 events", "owner", TRAIL,
            lambda place: {"task": str(place.trail_task), "first": TRAIL_EVENTS}, _trail, ways=("", "-json"),
        ),
        Workload("W5", "metrics of an agent, 7 days", "owner", METRICS, _metric_variables, _metrics),
        Workload(
            "W8", "text search on a board", "owner", LIST,
            lambda place: {"filter": {"boardId": [str(place.board)], "text": RARE_WORD}}, _list,
        ),
        Workload("W9", "newest 50 of the workspace", "owner", LIST, lambda _: {}, _list),
        Workload(
            "W6", "single logActivity", "writer", LOG_ONE, lambda place: {"input": _input(place, 1)}, _logged, writes=1
        ),
        Workload(
            "W7", "1,000 in one call", "writer", LOG_MANY,
            lambda place: {"inputs": [_input(place, number) for number in range(batch)]}, _logged, writes=batch,
        ),
    )  # fmt: skip


WORKLOADS = make_workloads()
