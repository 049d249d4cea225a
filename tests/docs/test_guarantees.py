"""Every promise has a limit and a proof, every proof is a test that exists, and the README's short table has the same promises."""

import ast
import re
from functools import cache

import pytest

from tests.docs.markdown import ROOT, anchors, headings, links, section, table

PAGE = "docs/guarantees.md"
PROMISES = [text for level, text in headings(PAGE) if level == 3]
PROOF = re.compile(r"`(tests/[\w/]+\.py)::(\w+)`")


@cache
def names_in(path: str) -> set[str]:
    tree = ast.parse((ROOT / path).read_text())
    return {node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}


@pytest.mark.parametrize("promise", PROMISES)
def test_promise_has_a_limit_and_a_proof_that_exists(promise: str) -> None:
    text = section(PAGE, promise)
    before, limit, proof = re.split(r"\*\*(?:Limit|Proof)\.\*\*", text)
    assert before.strip()
    assert limit.strip()
    named = PROOF.findall(proof)
    assert len(named) == len(re.findall(r"^- ", proof, re.MULTILINE)) > 0
    assert [name for path, name in named if not (ROOT / path).is_file() or name not in names_in(path)] == []


def test_readme_names_each_promise_once_in_the_same_order() -> None:
    named = [link.partition("#")[2] for link in links("README.md") if link.startswith(f"{PAGE}#")]
    assert len(table(section("README.md", "Guarantees and their limits"))) == len(named)
    assert set(named) <= anchors(PAGE)
    assert named == [re.sub(r"[^\w\- ]", "", promise.lower()).replace(" ", "-") for promise in PROMISES]
