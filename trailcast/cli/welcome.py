"""What `run` says when it is ready: where everything is, and lines to paste that work as they stand."""

import json
import shlex
from urllib.parse import urlsplit

from trailcast.demo.handout import Address, Handout

QUERY = "{ activityEvents(first: 5) { nodes { createdAt eventType message actor { name } board { name } } } }"
# Where the console takes a token from its address, as web/console/state/link.ts has it too.
OWN_MACHINE = frozenset({"127.0.0.1", "localhost", "::1"})
NO_TOKENS = """\
The tokens of this log are not in {data_dir}/demo.json (or the demo was never loaded here), and none is shown twice. For new ones:
  python -m trailcast workspace list
  python -m trailcast token create --workspace NAME --user NAME"""


def welcome(address: Address, data_dir: str, handout: Handout | None) -> str:
    """The text, without a newline at the end."""
    site = address.http.removesuffix("/graphql")
    place = f"Console, for a browser: {site}/\nGraphiQL, for a browser: {site}/explorer\nThe API: {address.http}"
    last = f"Ctrl-C stops everything; the data stays in {data_dir}."
    if handout is None:
        return "\n\n".join([place, NO_TOKENS.format(data_dir=data_dir), last])
    first = handout.workspaces[0]
    header = json.dumps({"Authorization": f"Bearer {first.tokens.owner}"})
    return "\n\n".join(
        [
            place,
            *_links(site, handout),
            f"Tokens (also in {data_dir}/demo.json):\n" + "\n".join(_tokens(handout)),
            "Paste one into the console to see what it may see, or:",
            f"1. Put this into GraphiQL's Headers:\n{header}\n   and ask:\n{QUERY}",
            f"2. Watch the comments on a board:\n{_subscription(str(first.boards[0]))}",
            f"3. Log a comment there, from a second terminal:\n{_curl(address, first.tokens.member, str(first.tasks[0]))}",
            last,
        ]
    )


def _links(site: str, handout: Handout) -> list[str]:
    """Links that sign in, where the console takes them. What stands behind the # is sent to no server."""
    if urlsplit(site).hostname not in OWN_MACHINE:
        return []
    tokens = handout.workspaces[0].tokens
    shown = {"owner": tokens.owner, "member": tokens.member, "agent": tokens.agent}
    lines = [f"  {role:<8} {site}/#token={token}" for role, token in shown.items()]
    return ["\n".join(["Open the console, signed in, as", *lines])]


def _tokens(handout: Handout) -> list[str]:
    lines = []
    for workspace in handout.workspaces:
        lines.append(f"  {workspace.name}")
        lines += [f"    {role:<8} {token}" for role, token in workspace.tokens]
    return lines


def _subscription(board_id: str) -> str:
    return f'subscription {{ commentAdded(boardId: "{board_id}") {{ cursor message author {{ name }} taskTitle }} }}'


def _curl(address: Address, token: str, task_id: str) -> str:
    mutation = (
        f'mutation {{ addTaskComment(taskId: "{task_id}", message: "Hello from the second terminal") '
        "{ comment { id message } errors { message } } }"
    )
    words = ["curl", "-s", address.http, "-H", f"Authorization: Bearer {token}", "-H", "Content-Type: application/json"]
    return shlex.join([*words, "-d", json.dumps({"query": mutation})])
