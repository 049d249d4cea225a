"""Every code has its paragraph in docs/errors.md, in the part where it is met, and no paragraph is about a code that is none."""

import re

import pytest

import schema.errors
from tests.docs.markdown import headings, section
from trailcast.doors.answers import STATUS
from trailcast.errors import TrailcastError
from trailcast.records import ProblemCode

PAGE = "docs/errors.md"
OF_REQUESTS, OF_INPUTS = "Errors of a request", "Errors of an input"
WORDS_MIN = 20  # a cause and a remedy


def leaves(parent: type[TrailcastError]) -> set[str]:
    return {parent.code}.union(*(leaves(child) for child in parent.__subclasses__()))


def parts() -> dict[str, list[str]]:
    """The headings of the third level under each of the second, in order."""
    found: dict[str, list[str]] = {}
    for level, text in headings(PAGE):
        if level == 2:
            found[text] = []
        elif level == 3:
            found[list(found)[-1]].append(text)
    return found


def test_every_code_of_a_request_has_one_paragraph() -> None:
    of_documents = {value for name, value in vars(schema.errors).items() if name.isupper() and isinstance(value, str)}
    assert sorted(parts()[OF_REQUESTS]) == sorted(leaves(TrailcastError) | of_documents)


def test_every_code_of_an_input_has_one_paragraph() -> None:
    assert parts()[OF_INPUTS] == [code.value for code in ProblemCode]


def test_there_are_no_other_parts() -> None:
    assert list(parts()) == [OF_REQUESTS, OF_INPUTS]


@pytest.mark.parametrize("part", [OF_REQUESTS, OF_INPUTS])
def test_a_code_has_one_paragraph_that_says_something(part: str) -> None:
    paragraphs = section(PAGE, part).split("### ")[1:]
    bodies = {text.split("\n", 1)[0]: text.split("\n", 1)[1].strip() for text in paragraphs}
    assert [code for code, body in bodies.items() if "\n\n" in body or len(body.split()) < WORDS_MIN] == []


def test_statuses_are_those_that_the_door_gives() -> None:
    bodies = dict(text.split("\n", 1) for text in section(PAGE, OF_REQUESTS).split("### ")[1:])
    said = {code: int(status[1]) for code, body in bodies.items() if (status := re.search(r"HTTP status (\d+)", body))}
    assert said == {**STATUS, "BAD_REQUEST": 400}
