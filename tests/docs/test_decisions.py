"""The decisions: numbered without gaps, all in the index, all of one form, and a reason for every package."""

import re

import pytest

from tests.docs.markdown import ROOT, documents, headings, links

FOLDER = "docs/decisions/"
INDEX = f"{FOLDER}README.md"
DECISIONS = sorted(name for name in documents() if name.startswith(FOLDER) and name != INDEX)
PARTS = ("Context", "Decision", "Consequences", "Alternatives")
LINES_MAX = 50  # half a page; the list of packages is the longest


def test_decisions_are_numbered_from_one_on() -> None:
    assert [int(name.removeprefix(FOLDER)[:4]) for name in DECISIONS] == list(range(1, len(DECISIONS) + 1))


def test_index_lists_each_once_in_order() -> None:
    assert [FOLDER + link for link in links(INDEX)] == DECISIONS


@pytest.mark.parametrize("decision", DECISIONS)
def test_decision_has_its_four_parts_one_quotable_line_and_a_bounded_length(decision: str) -> None:
    text, [(level, title)] = documents()[decision], headings(decision)
    assert (level, title[:6]) == (1, f"{decision.removeprefix(FOLDER)[:4]}: ")
    assert tuple(re.findall(r"^\*\*(\w+)\.\*\*", text, re.MULTILINE)) == PARTS
    assert len(re.findall(r"(?:^> .+\n)+", text, re.MULTILINE)) == 1
    assert len(text.splitlines()) <= LINES_MAX


@pytest.mark.parametrize("kind", ["run", "dev"])
def test_packages_and_reasons_are_the_same(kind: str) -> None:
    required = re.findall(r"^([a-z][\w.-]*)", (ROOT / f"requirements/{kind}.in").read_text(), re.MULTILINE)
    part = documents()[f"{FOLDER}0009-dependencies.md"].split(f"(`requirements/{kind}.in`):")[1].split("**")[0]
    assert re.findall(r"^- `([\w.-]+)`: \w+.*\.$", part, re.MULTILINE) == required
