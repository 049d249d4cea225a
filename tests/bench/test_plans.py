"""What is read for a page is in proportion to the page, whichever two filters are used together: counted in rows and in pages of disk,
on a log small enough for a test. `bench.plans` counts the same on a log of any size."""

import asyncpg

from bench.growth.place import PAGE, fill, open_place
from bench.plans.__main__ import show
from bench.plans.asking import Question, questions, worst
from bench.plans.reading import Read, read
from trailcast.ledger.database import driver_url

EVENTS = 30_000
ROWS_MAX, BUFFERS_MAX = 1_500, 750  # a twentieth of the log, whose table alone has 1,500 pages
ACTOR_INDEX = "events_workspace_id_actor_id_sequence_idx"


async def test_what_is_read_is_in_proportion_to_the_page(empty_database_url: str) -> None:
    await fill(empty_database_url, EVENTS, lambda _: None)
    place = await open_place(empty_database_url, EVENTS)
    connection = await asyncpg.connect(driver_url(empty_database_url))

    async def ask(question: Question, *, counted: bool = False) -> Read:
        statement = question.count(PAGE) if counted else question.page
        return await read(connection, place.log.workspace_id, statement, statement.values(question.asked))

    try:
        pages = [(question, await ask(question)) for question in questions(place, 2)]
        counts = [(question, await ask(question, counted=True)) for question in questions(place, 1)]
        assert len(pages) > 200
        for question, one in (*pages, *counts):
            what = question.caller, question.filters, one
            assert not one.reads_all, what
            # A word is counted by walking, or by what its trigrams find: more than a page of it.
            within = (one.rows <= ROWS_MAX, one.buffers <= BUFFERS_MAX)
            assert within == (True, True) or (one.found is None and "word" in what[1][0]), what
        full = {question.caller for question, one in pages if one.found == PAGE + 1}
        assert full == {"owner", "member", "agent"}  # else there was little to read
        assert show(pages, 5).count("\n| ") == 1 + len(worst(pages, 5))

        # Without one of the indexes it would not be so.
        [by_actor] = [question for question, _ in pages if (question.caller, question.filters) == ("owner", ("actor",))]
        await connection.execute(f"DROP INDEX {ACTOR_INDEX}, events_workspace_id_actor_id_outcome_sequence_idx")
        assert (await ask(by_actor)).rows > ROWS_MAX
    finally:
        await connection.close()
