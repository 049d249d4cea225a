"""`run`, as a newcomer meets it: the first start, what it prints, the second start, the end."""

import asyncio
import json
import shlex
import signal
import socket
import stat
from pathlib import Path
from typing import Any

import httpx

from tests.cli.conftest import Command, Launch, Seed, ask
from tests.support.clients import open_socket
from trailcast.ledger.revisions import newest_revision

ROLES = ("owner", "member", "agent", "agent2", "service")
EVENTS = {"Kestrel Couriers": 2295, "St. Brigid's Kitchen": 2264}  # the story, and five people who got access
VIEWER = "{ viewer { actor { kind name } workspace { id name } role boards { board { id } canRead canWrite } } }"
COUNT = "query($filter: ActivityEventFilter) { activityEvents(filter: $filter) { totalCount { count isExact } } }"


def start(launch: Launch, data_dir: Path, *options: str, **given: str) -> Command:
    command = launch("run", *options, data_dir=data_dir, **given)
    command.wait_for("Application startup complete")
    command.handout = json.loads((data_dir / "demo.json").read_text())
    return command


def count(command: Command, token: str, wanted: dict[str, Any] | None = None) -> int:
    found = ask(command.handout["http"], token, COUNT, {"filter": wanted})["activityEvents"]["totalCount"]
    assert found["isExact"]
    number: int = found["count"]
    return number


def test_first_start_says_what_it_does_and_hands_out_exactly_what_was_promised(seed: Seed) -> None:
    assert [line for line in seed.messages.splitlines() if " INFO " not in line] == [
        f"Creating the database in {seed.data_dir}",
        "Starting PostgreSQL 18",
        f"Migrating the database from revision none to {newest_revision()}",
        "Loading the demo: 2290 events of Kestrel Couriers",
        "Loading the demo: 2259 events of St. Brigid's Kitchen",
    ]
    assert stat.S_IMODE((seed.data_dir / "demo.json").stat().st_mode) == 0o600
    assert list(seed.handout) == ["http", "ws", "workspaces"]
    assert seed.handout["ws"] == seed.handout["http"].replace("http:", "ws:")
    assert [workspace["name"] for workspace in seed.handout["workspaces"]] == list(EVENTS)
    for workspace in seed.handout["workspaces"]:
        assert list(workspace) == ["id", "name", "tokens", "agents", "boards", "tasks"]
        assert tuple(workspace["tokens"]) == ROLES
        assert [len(set(workspace[name])) for name in ("agents", "boards", "tasks")] == [2, 5, 60]
        for token in workspace["tokens"].values():
            assert token in seed.output
            assert token not in seed.messages
    ids = [{workspace["id"], *workspace["boards"], *workspace["tasks"]} for workspace in seed.handout["workspaces"]]
    assert ids[0].isdisjoint(ids[1])


def test_every_token_opens_what_its_role_may_see(launch: Launch, loaded: Path) -> None:
    command = start(launch, loaded)
    for workspace in command.handout["workspaces"]:
        tokens, boards = workspace["tokens"], workspace["boards"]
        seen = {role: ask(command.handout["http"], token, VIEWER)["viewer"] for role, token in tokens.items()}
        assert {role: viewer["workspace"]["id"] for role, viewer in seen.items()} == dict.fromkeys(
            ROLES, workspace["id"]
        )
        kinds = {role: viewer["actor"]["kind"] for role, viewer in seen.items()}
        assert kinds == dict(zip(ROLES, ("USER", "USER", "AGENT", "AGENT", "SERVICE"), strict=True))
        assert [seen[role]["role"] for role in ("owner", "member")] == ["OWNER", "MEMBER"]
        access = {board["board"]["id"]: (board["canRead"], board["canWrite"]) for board in seen["member"]["boards"]}
        assert access == {boards[0]: (True, True), boards[1]: (True, False)}
        assert {board["board"]["id"] for board in seen["owner"]["boards"]} == set(boards)

        everything = EVENTS[workspace["name"]]
        assert (count(command, tokens["owner"]), count(command, tokens["service"])) == (everything, everything)
        assert count(command, tokens["member"], {"boardId": [boards[2]]}) == 0
        assert count(command, tokens["member"], {"boardId": [boards[0]]}) == count(
            command, tokens["owner"], {"boardId": [boards[0]]}
        )
        for role, agent in zip(("agent", "agent2"), workspace["agents"], strict=True):
            assert count(command, tokens[role]) == count(command, tokens["owner"], {"agentId": [agent]}) > 0
        tasks = ask(
            command.handout["http"], tokens["member"], "query($id: ID) { tasks(boardId: $id, first: 100) { nodes { id } } }",
            {"id": boards[0]},
        )["tasks"]["nodes"]  # fmt: skip
        assert {task["id"] for task in tasks} == set(workspace["tasks"][:12])
    command.stop()


def test_printed_lines_work_and_a_second_start_has_what_they_wrote(launch: Launch, loaded: Path, seed: Seed) -> None:
    command = start(launch, loaded)
    address = command.handout["http"]
    assert command.line("The API:") == address
    site = address.removesuffix("/graphql")
    pages = [command.line("Console, for a browser:"), command.line("GraphiQL, for a browser:")]
    assert pages == [f"{site}/", f"{site}/explorer"]
    for page in pages:  # `run` has GraphiQL switched on
        assert httpx.get(page).status_code == 200
    tokens = command.handout["workspaces"][0]["tokens"]
    for role in ("owner", "member", "agent"):
        link = command.line(f"  {role:<8} {site}/")
        assert link == f"#token={tokens[role]}"
    header = json.loads('{"Authorization"' + command.line('{"Authorization"'))
    owner = header["Authorization"].removeprefix("Bearer ")
    assert (
        len(ask(address, owner, "{ activityEvents" + command.line("{ activityEvents"))["activityEvents"]["nodes"]) == 5
    )

    words = shlex.split("curl " + command.line("curl "))
    assert (words[:3], words[3::2], len(words)) == (["curl", "-s", address], ["-H", "-H", "-d"], 9)
    headers, body = dict(word.split(": ", 1) for word in words[4:8:2]), words[8]

    async def watch() -> tuple[Any, Any]:
        async with open_socket(command.handout["ws"], owner) as watching, httpx.AsyncClient() as client:
            await watching.subscribe("subscription" + command.line("subscription"))
            answer = await client.post(address, content=body, headers=headers)
            return answer.json(), await watching.next()

    logged, delivered = asyncio.run(watch())
    assert logged["data"]["addTaskComment"]["comment"]["message"] == "Hello from the second terminal"
    assert delivered["data"]["commentAdded"]["message"] == "Hello from the second terminal"
    command.stop()

    again = start(launch, loaded)
    assert again.handout["workspaces"] == seed.handout["workspaces"]
    assert again.handout["http"] not in {address, seed.handout["http"]}
    assert stat.S_IMODE((loaded / "demo.json").stat().st_mode) == 0o600
    assert owner in again.output
    assert [line for line in again.messages.splitlines() if " INFO " not in line] == ["Starting PostgreSQL 18"]
    assert count(again, owner) == EVENTS["Kestrel Couriers"] + 1
    again.stop()


def test_start_without_demo_json_says_how_to_get_new_tokens(launch: Launch, loaded: Path, seed: Seed) -> None:
    (loaded / "demo.json").unlink()
    command = launch("run", "--live", data_dir=loaded)
    command.wait_for("Application startup complete")
    assert "No live events: " in command.messages
    assert not (loaded / "demo.json").exists()
    assert not any(token in command.output for token in seed.handout["workspaces"][0]["tokens"].values())
    for advice in ("workspace list", "token create --workspace NAME --user NAME"):
        assert f"  python -m trailcast {advice}\n" in command.output
    words = ["token", "create", "--workspace", "Kestrel Couriers", "--user", "Ingrid Solheim"]
    made = launch(*words, data_dir=loaded)  # beside the running server, on its PostgreSQL
    assert made.exit_code() == 0, made.messages
    viewer = ask(command.line("The API:"), made.output.strip(), VIEWER)["viewer"]
    assert viewer["actor"] == {"kind": "USER", "name": "Ingrid Solheim"}
    command.stop()


def test_taken_port_is_told_before_anything_is_made(launch: Launch, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        command = launch("run", data_dir=tmp_path / "data", PORT=str(port))
        assert command.exit_code() == 2
    assert command.messages == (
        f"Port {port} of 127.0.0.1 is taken by another program: stop that, or choose another with PORT=…, for instance PORT=8001; "
        "PORT=0 takes a free one.\n"
    )
    assert not (tmp_path / "data").exists()


def test_start_after_one_that_was_killed_while_it_loaded_has_the_whole_demo(launch: Launch, tmp_path: Path) -> None:
    killed = launch("run", data_dir=tmp_path / "data")
    killed.wait_for("Loading the demo")
    killed.signal(signal.SIGKILL)
    assert killed.exit_code() == -signal.SIGKILL
    killed.wait_until_nothing_is_left()
    command = start(launch, tmp_path / "data")
    for workspace in command.handout["workspaces"]:
        assert count(command, workspace["tokens"]["owner"]) == EVENTS[workspace["name"]]
    command.stop()
