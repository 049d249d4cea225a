"""Events and comments: lists, counts, single ones, and the two feeds."""

from dataclasses import replace
from datetime import datetime
from typing import Any

from resolvers import asked
from resolvers.context import Context
from trailcast.access.principal import Principal
from trailcast.errors import BadUserInput, NotFound
from trailcast.ledger.columns import Selection
from trailcast.ledger.json_rows import Shape, WrittenPage
from trailcast.ledger.prepared import AskedTotal
from trailcast.ledger.reader import count_events, read_event, read_page, write_page
from trailcast.live.feed import Start
from trailcast.live.subscription import Subscription
from trailcast.records import Count, EventFilter, EventRecord, OrderDirection, Page, PageRequest


async def list_events(
    context: Context,
    wanted: EventFilter,
    selection: Selection | None,
    shape: Shape | None = None,
    *,
    direction: OrderDirection,
    first: int | None,
    after: str | None,
    last: int | None,
    before: str | None,
    offset: int | None = None,
) -> Page[EventRecord] | WrittenPage | None:
    """A page of what the filter wants, its items written in this shape if that can be; None where nothing of the page itself was
    selected (a count needs no rows).

    Raises BadUserInput, BadCursor, Unauthenticated.
    """
    principal = await context.caller.principal()
    wanted = asked.event_filter(wanted, context.settings, "filter")
    request = asked.page_request(
        principal.workspace.id, context.settings,
        direction=direction, first=first, after=after, last=last, before=before, offset=offset,
    )  # fmt: skip
    if selection is None:
        return None
    if shape is not None and request.limit:
        page = await write_page(context.database, principal.scope, wanted, request, shape)
        if page is not None:
            return page
    return await _page(context, principal, wanted, request, selection)


async def count(
    context: Context,
    wanted: EventFilter,
    up_to: int,
    *,
    exhaustive: bool = False,
    page: Page[Any] | WrittenPage | None = None,
) -> Count:
    """How many the filter wants, up to a bound; `page` is one that has been read of them. Raises BadUserInput."""
    if not 1 <= up_to <= context.settings.count_max:
        raise BadUserInput(f"upTo must be 1 to {context.settings.count_max}.", ["upTo"])
    principal = await context.caller.principal()
    wanted = asked.event_filter(wanted, context.settings, "filter")
    told = (page and page.total) or Count(0, is_exact=False)
    if told.is_exact:
        return Count(min(told.count, up_to), is_exact=told.count <= up_to)
    look_at = None if exhaustive else context.settings.count_look_at_max
    return await count_events(context.database, AskedTotal(principal.scope, wanted, up_to, look_at), told.count)


async def get_event(context: Context, event_id: str, selection: Selection) -> EventRecord:
    """One event. Raises NotFound for an absent and for a hidden one alike."""
    principal = await context.caller.principal()
    identity = asked.uuid(event_id, "id")
    event = await read_event(context.database, principal.scope, identity, selection)
    if event is None:
        raise NotFound
    return event


def comment_filter(
    board_id: str | None, task_id: str | None, since: datetime | None = None, until: datetime | None = None
) -> EventFilter:
    """The comments of a board, a task, both, or all. Raises BadUserInput."""
    return EventFilter(
        comments_only=True,
        board_id=None if board_id is None else (asked.uuid(board_id, "boardId"),),
        task_id=None if task_id is None else (asked.uuid(task_id, "taskId"),),
        since=asked.moment(since, "since"),
        until=asked.moment(until, "until"),
    )


async def follow(context: Context, wanted: EventFilter, *, after: str | None, since: datetime | None) -> Subscription:
    """Events as they are committed, after those that the cursor or the time asks to be replayed. Raises as `Feed.follow`."""
    if context.resume_after is not None:
        after, since = context.resume_after, None
    start = Start(after, asked.moment(since, "since"))
    return await context.feed.follow(context.caller, asked.event_filter(wanted, context.settings, "filter"), start)


async def _page(
    context: Context, principal: Principal, wanted: EventFilter, request: PageRequest, selection: Selection
) -> Page[EventRecord]:
    empty = request.limit == 0
    # A page of none still has to say whether anything follows, which one row answers.
    page = await read_page(
        context.database, principal.scope, wanted, replace(request, limit=1) if empty else request, selection
    )
    if not empty:
        return page
    info = page.page_info
    return Page([], replace(
        info, start_cursor=None, end_cursor=None,
        has_next_page=info.has_next_page or (not request.backward and bool(page.edges)),
        has_previous_page=info.has_previous_page or (request.backward and bool(page.edges)),
    ), page.total)  # fmt: skip
