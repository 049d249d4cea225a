"""What SECURITY.md says is defended names tests that exist, and what it leaves open is not left out."""

import pytest

from tests.docs.markdown import ROOT, headings, links, section
from tests.docs.test_guarantees import PROOF, names_in

PAGE = "SECURITY.md"
PARTS = [
    "Reporting",
    "What is worth protecting",
    "Who is trusted with what",
    "What is defended",
    "What is not defended",
]


def test_page_has_its_parts() -> None:
    assert [text for level, text in headings(PAGE) if level == 2] == PARTS
    assert PAGE in links("README.md")


@pytest.mark.parametrize("defence", section(PAGE, "What is defended").split("\n\n"))
def test_every_defence_names_tests_that_exist(defence: str) -> None:
    lines = [line for line in defence.splitlines() if line.startswith("- ")]
    named = PROOF.findall(defence)
    assert len(named) == len(lines) > 0
    assert [name for path, name in named if not (ROOT / path).is_file() or name not in names_in(path)] == []
