"""The blocks in the pages are what they say they are: GraphQL that the schema accepts, Python and JavaScript that compile."""

import json
import subprocess
from pathlib import Path

import pytest
from graphql import build_schema, parse, validate

from tests.docs.markdown import ROOT, Block, blocks

CHECKED = {"graphql", "json", "python", "js"}  # each of these has a test here
RUN_ELSEWHERE = {"sh", "sql"}  # by test_readme and test_operations
ONLY_SHOWN = {"nginx"}


@pytest.mark.parametrize("block", blocks(language="graphql"), ids=str)
def test_graphql_fits_the_contract(block: Block) -> None:
    contract = build_schema((ROOT / "schema.graphql").read_text())
    assert validate(contract, parse(block.text)) == []


@pytest.mark.parametrize("block", blocks(language="json"), ids=str)
def test_json_is_json(block: Block) -> None:
    assert json.loads(block.text)


@pytest.mark.parametrize("block", blocks(language="python"), ids=str)
def test_python_compiles(block: Block) -> None:
    compile(block.text, str(block), "exec")


@pytest.mark.parametrize("block", blocks(language="js"), ids=str)
def test_javascript_compiles(block: Block, tmp_path: Path) -> None:
    module = tmp_path / "block.mjs"
    module.write_text(block.text)
    checked = subprocess.run(["node", "--check", module], capture_output=True, text=True, check=False)
    assert (checked.returncode, checked.stderr) == (0, "")


def test_every_block_says_what_it_is() -> None:
    assert [str(block) for block in blocks() if block.language not in CHECKED | RUN_ELSEWHERE | ONLY_SHOWN] == []
