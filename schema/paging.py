"""Relay connections: edges, nodes, page information, and a count that knows its bound."""

from typing import Annotated, Any, Generic, TypeVar

import strawberry
from orjson import Fragment
from strawberry.types.info import Info

from resolvers import activity
from resolvers.context import Context
from trailcast import records
from trailcast.ledger.json_rows import WrittenPage

T = TypeVar("T")
COUNT_DEFAULT = 10_000

First = Annotated[
    int | None, strawberry.argument(description="The first n items of the range: 0 to 200, 50 by default.")
]
After = Annotated[
    str | None, strawberry.argument(description="Only items that follow this cursor in the order of the list.")
]
Last = Annotated[
    int | None, strawberry.argument(description="The last n items of the range: 0 to 200. Not together with first.")
]
Before = Annotated[
    str | None, strawberry.argument(description="Only items that stand before this cursor in the order of the list.")
]
Offset = Annotated[
    int | None,
    strawberry.argument(
        description="Items to leave out, for numbered pages: 0 to 10000, with first alone. Cursors cost less."
    ),
]


@strawberry.type(description="Where a page stands in its list (Relay cursor connections).")
class PageInfo:
    has_next_page: bool = strawberry.field(
        description="Whether items follow this page. With last: whether before was given."
    )
    has_previous_page: bool = strawberry.field(
        description="Whether items stand before this page. With first: whether after or an offset was given."
    )
    start_cursor: str | None = strawberry.field(description="Cursor of the first item; null on an empty page.")
    end_cursor: str | None = strawberry.field(description="Cursor of the last item; null on an empty page.")


@strawberry.type(
    description="A bounded count of what the caller may see. Where counting stopped before the end, isExact is false: "
    "there are count, and perhaps more."
)
class Count:
    count: int = strawberry.field(description="How many there are, or how many were counted.")
    is_exact: bool = strawberry.field(description="Whether count is all there are.")


@strawberry.type(description="An item and its place in the list.")
class Edge(Generic[T]):
    cursor: str = strawberry.field(
        description="Where to go on from: for after and before, and for the after of subscriptions."
    )
    node: T = strawberry.field(description="The item.")


@strawberry.type(description="A page of a list by name. It holds what the caller may see and nothing else.")
class Connection(Generic[T]):
    edges: list[Edge[T]] = strawberry.field(description="The items with their cursors, at most 200.")
    nodes: list[T] = strawberry.field(description="The items alone, at most 200.")
    page_info: PageInfo = strawberry.field(description="Where this page stands.")


@strawberry.type(
    name="Connection",
    description="A page of the log in order of sequence. It holds what the caller may see and nothing else.",
)
class LogConnection(Generic[T]):
    page: strawberry.Private[records.Page[Any] | WrittenPage | None]
    wanted: strawberry.Private[records.EventFilter]

    @strawberry.field(description="The items with their cursors, at most 200.")
    def edges(self) -> list[Edge[T]]:
        page = self.page
        return _written(page) if isinstance(page, WrittenPage) else page.edges if page else []  # type: ignore[return-value]

    @strawberry.field(description="The items alone, at most 200.")
    def nodes(self) -> list[T]:
        page = self.page
        return _written(page) if isinstance(page, WrittenPage) else page.nodes if page else []

    @strawberry.field(description="Where this page stands.")
    def page_info(self) -> PageInfo:
        return self.page.page_info if self.page else None  # type: ignore[return-value]

    @strawberry.field(
        description="How many the filter finds, whatever the page; counted only when asked for, and never longer than a few "
        "milliseconds: of a text, or of filters that no index holds together, 2000 events are looked at."
    )
    async def total_count(
        self,
        info: Info[Context, None],
        up_to: Annotated[int, strawberry.argument(description="Where counting stops: 1 to 10000.")] = COUNT_DEFAULT,
        *,
        exhaustive: Annotated[
            bool,
            strawberry.argument(
                description="Look at as many events as it takes to reach upTo or the end: seconds in a log of millions."
            ),
        ] = False,
    ) -> Count:
        return await activity.count(  # type: ignore[return-value]
            info.context, self.wanted, up_to, exhaustive=exhaustive, page=self.page
        )


def _written(page: WrittenPage) -> Any:
    """The items, which were asked for either as nodes or as edges: they stand in the answer as they are."""
    return Fragment(page.items)
