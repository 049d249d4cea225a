"""A server process that can be killed and started where it was, and the API beside the pages, to compare them with."""

import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx

ROOT = Path(__file__).resolve().parents[2]
SEQUENCES = """query ($filter: ActivityEventFilter, $first: Int!, $after: String) {
  activityEvents(filter: $filter, first: $first, after: $after) {
    nodes { sequence } pageInfo { hasNextPage endCursor }
  }
}"""
LOG = """mutation ($inputs: [LogActivityInput!]!) {
  logActivities(inputs: $inputs) { events { id sequence } errors { message } }
}"""


class Server:
    """`python -m trailcast serve` on a database."""

    def __init__(self, database_url: str, **environment: str) -> None:
        self._environment = {
            **os.environ, "TRAILCAST_DATABASE_URL": database_url, "TRAILCAST_LOG_LEVEL": "warning",
            "TRAILCAST_EXPLORER": "true", "HOST": "127.0.0.1", **environment,
        }  # fmt: skip
        self._process: subprocess.Popen[str]
        self.port = 0

    @property
    def origin(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Return when it listens, where it listened before."""
        command = (sys.executable, "-m", "trailcast", "serve")
        environment = {**self._environment, "PORT": str(self.port)}
        self._process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        serving = re.fullmatch(r"Serving http://127\.0\.0\.1:(\d+)/graphql\n", line)
        assert serving is not None, f"the server said {line!r}"
        self.port = int(serving[1])

    def kill(self) -> None:
        """End it as a crash would."""
        self._process.send_signal(signal.SIGKILL)
        self._process.wait()
        assert self._process.stdout is not None
        self._process.stdout.close()

    def command(self, *words: str) -> str:
        """What a command of the server's program prints, run beside it on its database."""
        command = (sys.executable, "-m", "trailcast", *words)
        done = subprocess.run(command, cwd=ROOT, env=self._environment, capture_output=True, text=True, check=True)
        return done.stdout.strip()

    def ask(self, document: str, variables: dict[str, Any] | None = None, *, token: str) -> Any:
        """The data of an answer without errors."""
        headers = {"authorization": f"Bearer {token}"}
        body = {"query": document, "variables": variables}
        answer = httpx.post(f"{self.origin}/graphql", json=body, headers=headers, timeout=30).json()
        assert "errors" not in answer, answer["errors"]
        return answer["data"]

    def sequences(self, token: str, wanted: dict[str, Any] | None = None) -> list[int]:
        """All that a caller may see of what the filter finds, newest first."""
        found: list[int] = []
        after = None
        while True:
            given = {"filter": wanted, "first": 200, "after": after}
            page = self.ask(SEQUENCES, given, token=token)["activityEvents"]
            found += [int(node["sequence"]) for node in page["nodes"]]
            if not page["pageInfo"]["hasNextPage"]:
                return found
            after = page["pageInfo"]["endCursor"]

    def log(self, token: str, *inputs: dict[str, Any]) -> list[int]:
        """Log these, all in one call; their places in the log."""
        logged = self.ask(LOG, {"inputs": inputs}, token=token)["logActivities"]
        assert logged["errors"] == []
        return [int(event["sequence"]) for event in logged["events"]]
