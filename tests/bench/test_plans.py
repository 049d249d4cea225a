"""What is read for a page is in proportion to the page, and what is read for a count to its bounds, whichever filters are used
together: counted in rows and in pages of disk, on a log small enough for a test. `bench.plans` counts the same on any log."""

from itertools import product

import asyncpg

from bench.growth.place import PAGE, fill, open_place
from bench.growth.shape import TRAIL_EVENTS
from bench.plans.__main__ import show
from bench.plans.asking import Question, questions, worst
from bench.plans.reading import Read, read
from trailcast.access.scope import BoardSet, Scope
from trailcast.ledger.database import driver_url
from trailcast.ledger.pages import WALKED_PER_ROW
from trailcast.ledger.prepared import Asked
from trailcast.records import EventFilter, PageRequest

EVENTS = 30_000
ROWS_MAX, BUFFERS_MAX = 1_500, 750  # a twentieth of the log, whose table alone has 1,500 pages
# Of a count, whose bounds are both a page: a hundredth of the log. What is hidden of one task is passed by.
COUNTED, COUNTED_OF_A_TASK = 6 * PAGE, 2 * TRAIL_EVENTS
# Of a member's page: the walk along the log for each of its rows, and the rows themselves where that has not found them.
MEMBERS_MAX = (WALKED_PER_ROW + 4) * (PAGE + 1)
ACTOR_INDEXES = ", ".join(
    f"events_workspace_id_actor_id_{other}sequence_idx" for other in ("", "board_id_", "event_type_", "outcome_")
)


async def test_what_is_read_is_in_proportion_to_the_page(empty_database_url: str) -> None:
    await fill(empty_database_url, EVENTS, lambda _: None)
    place = await open_place(empty_database_url, EVENTS)
    connection = await asyncpg.connect(driver_url(empty_database_url))

    async def ask(question: Question, *, counted: bool = False) -> Read:
        statement = question.count(PAGE, PAGE) if counted else question.page
        return await read(connection, place.log.workspace_id, statement, statement.values(question.asked))

    try:
        pages = [(question, await ask(question)) for question in questions(place, 2)]
        counts = [(question, await ask(question, counted=True)) for question in questions(place, 3)]
        assert (len(pages) > 200, len(counts) > 700) == (True, True)
        for question, one in pages:
            what = question.caller, question.filters, one
            assert not one.reads_all, what
            assert (one.rows <= ROWS_MAX, one.buffers <= BUFFERS_MAX) == (True, True), what
        for question, one in counts:
            what = question.caller, question.filters, one
            assert not one.reads_all, what
            rows_max = COUNTED if {"task", "entity"}.isdisjoint(question.filters) else COUNTED_OF_A_TASK
            assert (one.rows <= rows_max, one.buffers <= BUFFERS_MAX) == (True, True), what
        full = {question.caller for question, one in pages if one.found == PAGE + 1}
        assert full == {"owner", "member", "agent"}  # else there was little to read
        assert show(pages, 5).count("\n| ") == 1 + len(worst(pages, 5))

        # Without one of the indexes it would not be so.
        [by_actor] = [question for question, _ in pages if (question.caller, question.filters) == ("owner", ("actor",))]
        await connection.execute(f"DROP INDEX {ACTOR_INDEXES}")
        assert (await ask(by_actor)).rows > ROWS_MAX
    finally:
        await connection.close()


async def test_lists_of_many_boards_are_as_steady_as_those_of_one(empty_database_url: str) -> None:
    """Of busy boards and quiet ones, of all, of all but the busiest: the newest page, and one in the middle of the log."""
    await fill(empty_database_url, EVENTS, lambda _: None)
    place = await open_place(empty_database_url, EVENTS)
    log, boards = place.log, [place.log.id_of("board", number + 1) for number in range(place.log.boards)]
    connection = await asyncpg.connect(driver_url(empty_database_url))
    try:
        for read_by_it in (boards, boards[1:], boards[::5], boards[-10:], boards[:1], boards[-1:]):
            scope = Scope(log.workspace_id, user_id=place.member, boards=BoardSet(ids=frozenset(read_by_it)))
            for wanted, after in product((EventFilter(), EventFilter(comments_only=True)), (None, EVENTS // 2)):
                asked = Asked(scope, wanted, PageRequest(limit=PAGE, after=after))
                page = Question("member", (), asked).page
                one = await read(connection, log.workspace_id, page, page.values(asked))
                what = len(read_by_it), wanted.comments_only, after, one
                assert (one.rows <= MEMBERS_MAX, one.buffers <= BUFFERS_MAX) == (True, True), what
    finally:
        await connection.close()
