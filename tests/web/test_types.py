"""The pages' TypeScript holds, and what is generated from the schema is what the schema says now."""

import subprocess

import pytest

from tests.web.site import ROOT

WEB = ROOT / "web"
COMMANDS = [
    ("npx", "--no-install", "tsc", "-p", "console"),
    ("npx", "--no-install", "tsc", "-p", "explorer"),
    ("node", "codegen.mjs", "--check"),
]


@pytest.mark.parametrize("command", COMMANDS, ids=["console", "explorer", "generated"])
def test_pages_are_typed_by_the_schema(command: tuple[str, ...]) -> None:
    done = subprocess.run(command, cwd=WEB, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
