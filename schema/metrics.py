"""Counts over a range of time."""

from datetime import datetime
from typing import Annotated

import strawberry
from strawberry.types.info import Info

from resolvers import metrics
from resolvers.context import Context
from schema.execution.selection import calls, selection
from trailcast.records import Dimension, error_rate_pct

OUTCOMES = frozenset({"total", "failed", "error_rate_pct"})
RATE = "failed / total * 100; null when total is 0."


@strawberry.type(description="One interval of a series.")
class MetricPoint:
    start: datetime = strawberry.field(description="Its beginning; the next point's start is its end.")
    total: int = strawberry.field(description="Events in it.")
    failed: int = strawberry.field(description="Of them, those with the outcome FAILURE.")
    error_rate_pct: float | None = strawberry.field(description=RATE)
    is_partial: bool = strawberry.field(description="Whether since, until or now cuts it short.")


@strawberry.type(description="One value of a dimension.")
class Breakdown:
    key: str = strawberry.field(
        description="The value: a type, category or action, or the UUID of an actor, agent, board or task."
    )
    label: str | None = strawberry.field(
        description="A name for people: an actor's newest, a board's or task's present one."
    )
    total: int = strawberry.field(description="Events with it.")
    failed: int = strawberry.field(description="Of them, those with the outcome FAILURE.")


@strawberry.type(description="Counts of the events that the caller may see, exact up to the last one.")
class ActivityMetrics:
    answer: strawberry.Private[metrics.Answer]

    @strawberry.field(description="All events.")
    def total(self) -> int:
        return self.answer.counted.total

    @strawberry.field(description="Those with the outcome FAILURE.")
    def failed(self) -> int:
        return self.answer.counted.failed

    @strawberry.field(name="errorRatePct", description=RATE)
    def error_rate(self) -> float | None:
        return error_rate_pct(self.answer.counted.failed, self.answer.counted.total)

    @strawberry.field(description="One point per bucket, the empty ones too; at most 10000.")
    def series(self) -> list[MetricPoint]:
        return metrics.series(self.answer)  # type: ignore[return-value]

    @strawberry.field(description="The most frequent values of a dimension, most events first.")
    def breakdown(
        self,
        by: Annotated[Dimension, strawberry.argument(description="The dimension.")],
        first: Annotated[int, strawberry.argument(description="At most this many: 1 to 200.")] = 20,
    ) -> list[Breakdown]:
        return metrics.breakdown(self.answer, by, first)  # type: ignore[return-value]


def asked_of(info: Info[Context, None]) -> metrics.Asked:
    """What of ActivityMetrics is selected: all of it is counted together, before any of it is answered."""
    fields = selection(info)
    return metrics.Asked(
        outcomes=not fields.isdisjoint(OUTCOMES),
        series="series" in fields,
        breakdowns=[(call["by"], call["first"]) for call in calls(info, "breakdown")] if "breakdown" in fields else [],
    )
