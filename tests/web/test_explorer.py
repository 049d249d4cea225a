"""GraphiQL: each question of the shelf runs as it is, and no credential is kept but in the tab."""

import json

from tests.support.world import World
from tests.web.browser import Browser

TITLES = [
    "Newest failures",
    "Everything about a task",
    "What did this agent do in 7 days?",
    "Error rate per day",
    "Who changed access?",
    "Follow the comments of a board",
]


def test_every_question_of_the_shelf_runs_as_it_is(browser: Browser, world: World) -> None:
    token = world.token("owner")
    headers = {"X-Agent-Token": world.token("bot"), "X-Workspace": world.acme}
    found = browser("shelf", credential=token, headers=headers)
    assert list(found["answers"]) == TITLES
    for title, text in found["answers"].items():
        answer = json.loads(text)
        assert "errors" not in answer, title
        # What was found is really there: the questions are about what the caller can see.
        assert json.dumps(answer["data"]).count('"') > 20, title
    # All that the editor of headers holds goes along, where a browser has no headers: the agent sees its own.
    assert found["begun"] == headers
    assert json.loads(found["followed"])["data"]["commentAdded"]["author"]["name"] == "Bot"
    assert found["markers"] == ['Incorrect type. Expected "string".']
    assert token not in found["local"]
    assert found["note"].startswith("Nobody is signed in in this tab: put a token under Headers, or sign in")
    assert found["kept"] == "{}"
    assert found["violations"] == []
    assert "NewestFailures" in found["local"]
    labels = " ".join(label or "" for label in found["plugins"])
    for plugin in ("Documentation", "Audit questions", "GraphiQL Explorer", "History"):
        assert plugin in labels
