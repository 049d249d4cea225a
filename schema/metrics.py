"""Counts over a range of time."""

from datetime import datetime
from typing import Annotated

import strawberry
from strawberry.types.info import Info

from resolvers import metrics
from resolvers.context import Context
from trailcast.records import Dimension, error_rate_pct

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
    request: strawberry.Private[metrics.MetricsRequest]
    counts: strawberry.Private["metrics.Outcomes"]

    @strawberry.field(description="All events.")
    async def total(self) -> int:
        return (await self.counts.get())[0]

    @strawberry.field(description="Those with the outcome FAILURE.")
    async def failed(self) -> int:
        return (await self.counts.get())[1]

    @strawberry.field(name="errorRatePct", description=RATE)
    async def error_rate(self) -> float | None:
        total, failed = await self.counts.get()
        return error_rate_pct(failed, total)

    @strawberry.field(description="One point per bucket, the empty ones too; at most 10000.")
    async def series(self, info: Info[Context, None]) -> list[MetricPoint]:
        return await metrics.series(info.context, self.request)  # type: ignore[return-value]

    @strawberry.field(description="The most frequent values of a dimension, most events first.")
    async def breakdown(
        self,
        info: Info[Context, None],
        by: Annotated[Dimension, strawberry.argument(description="The dimension.")],
        first: Annotated[int, strawberry.argument(description="At most this many: 1 to 200.")] = 20,
    ) -> list[Breakdown]:
        return await metrics.breakdown(info.context, self.request, by, first)  # type: ignore[return-value]
