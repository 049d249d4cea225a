"""The feed while things happen: what is logged appears, once, in order, whatever becomes of the server meanwhile."""

from collections import Counter
from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.support.world import World, identity
from tests.web.browser import Browser
from tests.web.conftest import JWT
from tests.web.site import Server

HOSTILE = """<img src="http://evil.example/a.png" onerror="document.title='owned'"><script>document.title='owned'</script>

![a picture](http://evil.example/b.png) [a link](javascript:document.title='owned') [another](https://fine.example/) **bold** `a < b`

| a | b |
|---|---|
| 1 | 2 |
"""


def comment(message: str) -> dict[str, str]:
    return {"eventType": "task.comment", "taskId": identity("alpha_task2"), "message": message}


@pytest.fixture
def feed(browser: Browser, world: World) -> Iterator[str]:
    """The owner's feed, open."""
    browser("openFeed", credential=world.token("owner"), place="#/", name="feed")
    yield "feed"
    browser.noisily("closePage", name="feed")


def test_comment_appears_without_reload_and_its_markdown_does_no_harm(
    browser: Browser, served: Server, world: World, feed: str
) -> None:
    [sequence] = served.log(world.token("member"), comment(HOSTILE))
    shown = browser("waitForEvent", name=feed, sequence=sequence)
    assert shown["isSamePage"] is True
    # Tags are text, the picture is a link, the address that is a script is none.
    assert '<img src="http://evil.example/a.png"' in shown["text"]
    assert "<script>document.title='owned'</script>" in shown["text"]
    for tag in ("<img", "<script", "javascript:"):
        assert tag not in shown["html"].replace("&lt;", "").replace("href", "")
    assert 'href="http://evil.example/b.png"' in shown["html"]
    assert "Image: a picture" in shown["text"]
    assert "<strong>bold</strong>" in shown["html"]
    assert "<code>a &lt; b</code>" in shown["html"]
    assert "<table>" in shown["html"]


def test_feed_shows_what_is_chosen_and_nothing_else_is_sent(browser: Browser, served: Server, world: World) -> None:
    """Of a member: what it may not see is not sent either."""
    token = world.token("member")
    browser("openFeed", credential=token, place="#/", name="chosen")
    place = browser("chooseInFeed", name="chosen", preset="Work", leaveOut="Approvals")
    assert place == "#/?category=board&category=event&category=project&category=task"
    agent = {"actor": {"kind": "AGENT", "id": identity("bot")}}
    logged = served.log(
        world.token("service"),
        comment("chosen and seen"),
        {"eventType": "agent.heartbeat", "boardId": identity("alpha"), "message": "hidden: a heartbeat", **agent},
        {"eventType": "approval.requested", "boardId": identity("alpha"), "message": "hidden: an approval"},
        {"eventType": "task.updated", "boardId": identity("gamma"), "message": "hidden: another board"},
        {"eventType": "board.updated", "boardId": identity("beta"), "message": "chosen, too"},
    )
    found = browser("heardInFeed", name="chosen", last=logged[-1])
    expected = served.sequences(token, {"category": ["board", "event", "project", "task"]})
    assert found["shown"] == expected[: len(found["shown"])]
    assert found["shown"][:2] == [logged[-1], logged[0]]
    assert "chosen and seen" in found["heard"]
    assert "chosen, too" in found["heard"]
    assert "hidden: " not in found["heard"]
    browser("closePage", name="chosen")


def test_text_goes_its_own_way_and_nothing_is_too_long_for_a_list(
    browser: Browser, served: Server, world: World, feed: str
) -> None:
    changes = [{"path": "description", "before": "a " * 800, "after": "b" * 1_600}]
    inputs: list[dict[str, Any]] = [
        comment("مرحبا بالعالم\n\n- واحد\n\n> اقتباس\n\nand back"),
        {"eventType": "task.updated", "taskId": identity("alpha_task2"), "message": "x" * 9_000, "changes": changes},
        {"eventType": "a.b", "entity": {"type": "invoice", "id": "9" * 180}, "message": "שלום"},
    ]
    logged = served.log(world.token("service"), *inputs)
    text, long, wide = [browser("waitForEvent", name=feed, sequence=sequence) for sequence in logged]
    # The name, the task's title, then the blocks of the comment, each by its own letters.
    assert text["directions"] == ["ltr", "ltr", "rtl", "rtl", "rtl", "ltr"]
    assert wide["directions"][-1] == "rtl"
    assert all(one["overflow"] <= 0 and one["height"] < 600 for one in (text, long, wide)), (text, long, wide)
    assert "Show all of it" in long["text"]
    assert text["when"].endswith("CET") or text["when"].endswith("CEST")  # exact, where the browser is


def test_no_comment_keeps_others_from_being_shown(browser: Browser, served: Server, world: World, feed: str) -> None:
    worst = [">" * 16_000, "1. " * 5_000, "*" * 8_000 + "a" + "*" * 8_000, "> " * 40 + "deep", "line\n\n" * 40]
    logged = served.log(world.token("member"), *map(comment, [*worst, "and a good one"]))
    for sequence, text in zip(logged, [">>>>", "1.", "a", "deep", "line", "and a good one"], strict=True):
        shown = browser("waitForEvent", name=feed, sequence=sequence)
        assert text in shown["text"]
        assert ("Show all of it" in shown["text"]) is (text not in {"deep", "and a good one"})


def test_events_wait_while_one_reads_further_down(browser: Browser, served: Server, world: World, feed: str) -> None:
    top = browser("scrollAway", name=feed)["first"]
    logged = served.log(world.token("service"), *[comment(f"while away {number}") for number in range(12)])
    found = browser("bringNew", name=feed, count=12)
    assert found["before"] == top
    assert found["after"][:13] == [*reversed(logged), top]


def test_comment_is_written_where_one_may_write(browser: Browser, served: Server, world: World) -> None:
    token = world.token("member")
    browser("openFeed", credential=token, place="#/?type=task.comment", name="member")
    offered = browser("writeComment", name="member", task="task", message="From the form")
    # The member writes on alpha, only reads beta, and does not see gamma.
    assert offered["titles"] == ["Alpha task Alpha", "Alpha task2 Alpha"]
    browser("closePage", name="member")
    newest = served.ask(
        "{ taskComments(first: 1) { nodes { message author { name } task { id } } } }", token=token
    )["taskComments"]["nodes"]  # fmt: skip
    assert newest == [{"message": "From the form", "author": {"name": "Mia"}, "task": {"id": identity("alpha_task")}}]


def test_killed_server_costs_no_event_and_repeats_none(
    browser: Browser, served: Server, world: World, web_database: str
) -> None:
    token = world.token("service")
    other = Server(web_database, **JWT)
    other.start()
    try:
        browser("openFeed", credential=world.token("owner"), place="#/", name="cut")
        before = browser("shownSequences", name="cut")
        browser("openTrail", credential=world.token("owner"), name="away")
        logged: list[int] = []
        for round_ in range(2):
            logged += served.log(token, *[comment(f"live {round_}.{number}") for number in range(5)])
            browser("waitForEvent", name="cut", sequence=logged[-1])
            served.kill()
            browser.noisily("waitForBadge", name="cut", kind="lost")
            if round_ == 0:
                assert browser.noisily("openFeedInVain", name="away")[0] == "The server does not answer"
            for number in range(7):
                logged += other.log(token, comment(f"missed {round_}.{number}"))
            served.start()
            browser.noisily("waitForBadge", name="cut", kind="live")
            if round_ == 0:  # nobody asked for it again
                browser.noisily("waitForEvent", name="away", sequence=logged[-1])
                browser.noisily("closePage", name="away")
        logged += served.log(token, comment("and on"))
        shown, complaints = browser.noisily("shownSequences", name="cut", last=logged[-1])
        assert shown == [*reversed(logged), *before]
        assert all("WebSocket connection to" in complaint for complaint in complaints), complaints
        browser("closePage", name="cut")
    finally:
        other.kill()


def test_first_feed_takes_no_more_than_the_page_and_two_requests(
    browser: Browser, served: Server, world: World
) -> None:
    """How long that takes is measured by bench/pages."""
    took = browser("firstFeed", credential=world.token("owner"))
    asked = Counter(PurePosixPath(urlsplit(url).path).suffix or urlsplit(url).path for url in took["asked"])
    assert asked <= Counter({"/": 1, ".css": 1, ".woff2": 1, ".js": 1, ".svg": 1, "/graphql": 2})
    assert took["told"] == ["connection_init", "subscribe"][: len(took["told"])]


def test_long_feed_keeps_the_document_small(browser: Browser, served: Server, world: World) -> None:
    browser("openFeed", credential=world.token("owner"), place="#/", name="long")
    found = browser("readToTheEnd", name="long")
    assert found["seen"] == served.sequences(world.token("owner"))
    assert len(found["seen"]) > 600
    assert found["most"] <= 250
    # Far from the top: what comes meanwhile waits, and all of it is there afterwards, though not all at once in the document.
    logged = served.log(world.token("service"), *[comment(f"meanwhile {number}") for number in range(300)])
    after = browser("bringNew", name="long", count=300)["after"]
    assert after == logged[::-1][: len(after)]
    assert 50 <= len(after) <= 250
    # A burst comes to a page that is busy: what others of it hide is not drawn before somebody comes there.
    browser("stun", name="long")
    for part in range(3):
        burst = served.log(world.token("service"), *[comment(f"burst {part}, {number}") for number in range(400)])
    woken = browser("wake", name="long", last=burst[-1])
    assert woken["shown"] == burst[::-1][: len(woken["shown"])]
    assert woken["drawn"] < 600
    found = browser("readToTheEnd", name="long")
    assert found["seen"] == served.sequences(world.token("owner"))
    assert found["most"] <= 250
    browser("closePage", name="long")
