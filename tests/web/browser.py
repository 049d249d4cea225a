"""Chromium, driven by Playwright in a Node process: a step of a scenario in, what it found out. No step may be noisy."""

import json
import subprocess
from pathlib import Path
from types import TracebackType
from typing import Any, Self

HERE = Path(__file__).parent


class Browser:
    """One browser on one site, for as long as the block runs."""

    def __init__(self, origin: str) -> None:
        command = ("node", "driver.mjs", origin)
        self._node = subprocess.Popen(command, cwd=HERE, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _type: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        assert self._node.stdin is not None
        assert self._node.stdout is not None
        self._node.stdin.close()
        try:
            self._node.wait(timeout=15)
        except subprocess.TimeoutExpired:
            self._node.kill()
            self._node.wait()
        self._node.stdout.close()

    def noisily(self, step: str, **given: Any) -> tuple[Any, list[str]]:
        """What the step found, and what the browser complained about meanwhile, requests to elsewhere among it."""
        assert self._node.stdin is not None
        assert self._node.stdout is not None
        self._node.stdin.write(json.dumps({"step": step, "given": given}) + "\n")
        self._node.stdin.flush()
        line = self._node.stdout.readline()
        assert line, "the browser has ended"
        answer = json.loads(line)
        assert "error" not in answer, f"{answer['error']}\n{answer['noise']}"
        return answer["value"], answer["noise"]

    def __call__(self, step: str, **given: Any) -> Any:
        """What the step found. The browser had nothing to complain about, and nothing was asked of any other host."""
        value, noise = self.noisily(step, **given)
        assert noise == [], (step, noise)
        return value
