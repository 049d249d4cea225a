"""The documents as the tests see them: their fenced blocks, headings and links. Knows no more Markdown than these pages use."""

import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

_FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
_HEADING = re.compile(r"^(#{1,6}) (.+)$", re.MULTILINE)
_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")


@dataclass(frozen=True)
class Block:
    """A fenced block, and where it stands."""

    document: str
    line: int
    language: str
    text: str

    @property
    def file_name(self) -> str | None:
        """The name in the comment of its first line (`// resume.js`), where it has one."""
        named = re.match(r"(?://|#) (\S+\.\w+)\n", self.text)
        return named[1] if named else None

    def __str__(self) -> str:
        return f"{self.document}:{self.line}"


@cache
def documents() -> dict[str, str]:
    """Every page for readers, by its path from the root."""
    pages = [ROOT / "README.md", ROOT / "CHANGELOG.md", ROOT / "SECURITY.md", *sorted((ROOT / "docs").rglob("*.md"))]
    return {page.relative_to(ROOT).as_posix(): page.read_text() for page in pages}


def blocks(document: str | None = None, language: str | None = None) -> list[Block]:
    """The fenced blocks of one document or of all, in order."""
    found = []
    for name, text in documents().items():
        for match in _FENCE.finditer(text):
            line = text.count("\n", 0, match.start()) + 1
            found.append(Block(name, line, match[1], match[2]))
    return [block for block in found if document in {None, block.document} and language in {None, block.language}]


def file_block(document: str, file_name: str) -> str:
    """The text of the one block that begins with this file's name."""
    [text] = [block.text for block in blocks(document) if block.file_name == file_name]
    return text


def prose(document: str) -> str:
    """A document without its fenced blocks."""
    return _FENCE.sub("", documents()[document])


def headings(document: str) -> list[tuple[int, str]]:
    """(level, text) of each heading, in order."""
    return [(len(marks), text) for marks, text in _HEADING.findall(prose(document))]


def anchors(document: str) -> set[str]:
    """What a link into this document may name behind its `#`: the headings, as GitHub spells them."""
    return {re.sub(r"[^\w\- ]", "", text.lower()).replace(" ", "-") for _, text in headings(document)}


def links(document: str) -> list[str]:
    """The targets of the links of a document. A link's text may run over the end of a line."""
    return _LINK.findall(prose(document))


def section(document: str, heading: str) -> str:
    """The text under a heading, up to the next one of the same level or above, without fenced blocks."""
    text = prose(document)
    [match] = [match for match in _HEADING.finditer(text) if match[2] == heading]
    following = re.compile(rf"^#{{1,{len(match[1])}}} ", re.MULTILINE).search(text, match.end())
    return text[match.end() : following.start() if following else len(text)].strip()


def table(text: str) -> list[list[str]]:
    """The rows of the one table in a text, without its head, cells stripped."""
    rows = [
        [cell.strip() for cell in line.strip().strip("|").split("|")]
        for line in text.splitlines()
        if line.startswith("|")
    ]
    return rows[2:]
