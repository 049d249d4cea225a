"""The README's examples, run as they stand there: its shell lines in a shell, its documents against a server, its answers compared.

Only the address is another, and `demo.json` is about the world of the tests. Answers must have the shape of those that the
README shows: the same keys, values of the same kinds.
"""

import asyncio
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from graphql import parse, print_ast

from tests.docs.markdown import Block, blocks
from tests.support.clients import RECEIVE_TIMEOUT_S, open_socket
from tests.support.serving import RunningServer
from tests.support.world import World
from trailcast.demo import handout

# For machines without curl: what the README's lines need of it.
CURL = """#!{python}
import sys, urllib.request
words, headers, body, url = iter(sys.argv[1:]), {{}}, "", ""
for word in words:
    if word == "-H":
        name, _, value = next(words).partition(": ")
        headers[name] = value
    elif word == "-d":
        body = next(words)
    elif word != "-s":
        url = word
print(urllib.request.urlopen(urllib.request.Request(url, body.encode(), headers)).read().decode())
"""
ADDRESS = "http://127.0.0.1:8000/graphql"
SETUP, QUERY, MUTATION = "demo() {", "query Newest", "mutation Say"


def shell(containing: str) -> str:
    [text] = [block.text for block in blocks("README.md", "sh") if containing in block.text]
    return text


def document(name: str) -> str:
    [text] = [block.text for block in blocks("README.md", "graphql") if block.text.startswith(name)]
    return text


def shown(field: str) -> dict[str, Any]:
    """The answer that the README shows for a root field."""
    answers: list[dict[str, Any]] = [json.loads(block.text) for block in blocks("README.md", "json")]
    [answer] = [answer for answer in answers if field in answer["data"]]
    return answer


def kind(value: Any) -> Any:
    """The shape of an answer: its keys and the kinds of its values; a list has the shape of its items, which are alike."""
    if isinstance(value, Mapping):
        return {key: kind(inner) for key, inner in value.items()}
    if isinstance(value, list):
        shapes = [kind(inner) for inner in value]
        assert all(shape == shapes[0] for shape in shapes)
        return shapes[:1]
    return type(value).__name__


@pytest.fixture
def tree(tmp_path: Path, world: World, server: RunningServer) -> Path:
    """Where the README says to stand: a folder with the environment and a `demo.json`."""
    ids = {name: UUID(world.id(name)) for name in ("alpha", "beta", "gamma", "alpha_task", "bot", "builder")}
    tokens = {"agent": "bot", "agent2": "builder", **{name: name for name in ("owner", "member", "service")}}
    workspace = handout.DemoWorkspace(
        id=UUID(world.acme),
        name="Acme",
        tokens=handout.Tokens(**{role: world.token(caller) for role, caller in tokens.items()}),
        agents=(ids["bot"], ids["builder"]),
        boards=(ids["alpha"], ids["beta"], ids["gamma"]),
        tasks=(ids["alpha_task"],),
    )
    handout.write(tmp_path / ".trailcast", handout.Handout(http=server.http, ws=server.ws, workspaces=(workspace,)))
    (tmp_path / ".venv/bin").mkdir(parents=True)
    (tmp_path / ".venv/bin/python").symlink_to(sys.executable)
    if shutil.which("curl") is None:
        curl = tmp_path / "bin/curl"
        curl.parent.mkdir()
        curl.write_text(CURL.format(python=sys.executable))
        curl.chmod(0o755)
    return tmp_path


async def run(tree: Path, server: RunningServer, *texts: str) -> str:
    """What the lines print, run in one shell with the server's own address."""
    script = "set -eu\n" + "\n".join(texts).replace(ADDRESS, server.http)
    environment = {**os.environ, "NO_PROXY": "*", "PATH": f"{tree / 'bin'}:{os.environ['PATH']}"}
    done = await asyncio.to_thread(
        subprocess.run, ["sh", "-c", script], cwd=tree, env=environment, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


async def test_query_gives_what_is_shown(tree: Path, server: RunningServer) -> None:
    answer = json.loads(await run(tree, server, shell(SETUP), shell(QUERY)))
    assert kind(answer) == kind(shown("taskComments"))
    nodes = answer["data"]["taskComments"]["nodes"]
    assert [node["message"] for node in nodes] == [
        "Build is green",
        "I ran the export: 3 invoices fail",
    ]


async def test_comment_that_is_logged_arrives_in_the_subscription(tree: Path, server: RunningServer) -> None:
    token, board = (await run(tree, server, shell(SETUP), "echo $TOKEN $BOARD")).split()
    async with open_socket(server.ws, token) as socket:
        await socket.subscribe(document("subscription Live"), {"board": board})
        arrival = asyncio.create_task(socket.next())
        written: list[dict[str, Any]] = []
        async with asyncio.timeout(RECEIVE_TIMEOUT_S):
            # Nothing tells a client that its subscription stands, so the line is pasted until something arrives.
            while not arrival.done():
                written.append(json.loads(await run(tree, server, shell(SETUP), shell(MUTATION))))
        arrived = arrival.result()
    assert [kind(answer) for answer in written] == [kind(shown("addTaskComment"))] * len(written)
    assert kind(arrived) == kind(shown("commentAdded"))
    cursors = [answer["data"]["addTaskComment"]["comment"]["cursor"] for answer in written]
    assert arrived["data"]["commentAdded"]["cursor"] in cursors


@pytest.mark.parametrize("name", [QUERY, MUTATION])
def test_curl_line_sends_the_document_that_is_shown(name: str) -> None:
    body = re.sub(r"'\$\w+'", "", shell(name).split("-d '", 1)[1].rstrip().removesuffix("'"))
    assert print_ast(parse(json.loads(body)["query"])) == print_ast(parse(document(name)))


def test_curl_lines_are_the_same_but_for_what_they_send() -> None:
    assert shell(QUERY).split("-d '")[0] == shell(MUTATION).split("-d '")[0]


@pytest.mark.parametrize("block", blocks("README.md", "sh"), ids=str)
def test_every_shell_line_is_run_by_some_test(block: Block) -> None:
    assert any(mark in block.text for mark in (SETUP, QUERY, MUTATION)) or block.text in {"make run\n", "make test\n"}
