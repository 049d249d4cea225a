"""Whatever the pages point to is there: links to pages and headings, paths of files, names of settings, commands of make."""

import os
import re
from pathlib import Path

import pytest

from tests.docs.markdown import ROOT, anchors, documents, links, prose
from trailcast.cli.tail import TOKEN
from trailcast.settings import field_names

PATH = re.compile(r"`((?:[\w.-]+/)+[\w.-]*|[\w-]+\.(?:md|graphql|toml|py))`")
# Paths that are made when the server runs or the environment is installed.
MADE = (".trailcast/", ".venv/")


@pytest.mark.parametrize("document", documents())
def test_links_lead_somewhere(document: str) -> None:
    assert [link for link in links(document) if not _is_there(document, link)] == []


def _is_there(document: str, link: str) -> bool:
    if re.match(r"https?://", link):
        return True
    path, _, anchor = link.partition("#")
    target = (ROOT / document).parent.joinpath(path).resolve() if path else ROOT / document
    if not target.exists() or not target.is_relative_to(ROOT):
        return False
    return not anchor or anchor in anchors(target.relative_to(ROOT).as_posix())


@pytest.mark.parametrize("document", documents())
def test_paths_that_are_named_exist(document: str) -> None:
    named = {path for path in PATH.findall(prose(document)) if not path.startswith(MADE)}
    here = (ROOT / document).parent
    assert sorted(path for path in named if not ((ROOT / path).exists() or (here / path).exists())) == []


@pytest.mark.parametrize("document", documents())
def test_settings_that_are_named_exist(document: str) -> None:
    named = set(re.findall(r"TRAILCAST_[A-Z_]+", documents()[document]))
    assert named - set(field_names().values()) - {TOKEN} == set()


@pytest.mark.parametrize("document", documents())
def test_make_targets_that_are_named_exist(document: str) -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert set(re.findall(r"`make ([a-z]+)", documents()[document])) - targets == set()


def test_every_page_is_reached_from_the_readme() -> None:
    reached, waiting = set[str](), ["README.md"]
    while waiting:
        document = waiting.pop()
        if document in reached:
            continue
        reached.add(document)
        for link in links(document):
            name = Path(os.path.normpath(Path(document).parent / link.partition("#")[0])).as_posix()
            if name in documents():
                waiting.append(name)
    assert documents().keys() - reached == set()
