"""Golden triples: what is asked (NAME.graphql), what is answered (NAME.json), what is run for it (NAME.sql), side by side in review.

The first line of a document says who asks; each of its variables is the id of what it is named after in the world. Ids and times
are written by name. The statements that find out who asks are left out, the others stand in the order of the alphabet.

To write the files anew after a change that is meant: TRAILCAST_WRITE_GOLDEN=1 pytest tests/contract/test_golden.py, then read
the difference.
"""

import json
import os
import re
from pathlib import Path
from typing import Any

import pytest
from graphql import OperationDefinitionNode, parse

from tests.support.clients import Client, Statements
from tests.support.world import ACME, GLOBEX, World

GOLDEN = Path(__file__).parent / "golden"
WRITE_VARIABLE = "TRAILCAST_WRITE_GOLDEN"
NAMES = sorted(path.stem for path in GOLDEN.glob("*.graphql"))
UUID_TEXT = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
WHO_ASKS = re.compile(r"\bcredentials\b|\bJOIN workspaces\b")
CLAUSE = re.compile(r"(?<!OUTER) (?=(?:FROM|LEFT OUTER JOIN|JOIN|WHERE|AND|GROUP BY|ORDER BY|LIMIT|VALUES)\b)")
TIME_TEXT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?\+00:00")


def known_ids(world: World) -> dict[str, str]:
    """What the ids of the world stand for: what the world knows under another name, and entries by their names or titles."""
    rows = [row for directory in (ACME, GLOBEX) for kind in directory.values() for row in kind if "id" in row]
    return (
        {row["id"]: row.get("name") or row["title"] for row in rows}
        | {event: name for name, event in world.events.items()}
        | {world.acme: "Acme", world.globex: "Globex"}
    )


def normal(text: str, world: World) -> str:
    """The text with ids and times by name."""
    known = known_ids(world)
    return TIME_TEXT.sub("<time>", UUID_TEXT.sub(lambda found: f"<{known.get(found[0], 'new')}>", text))


def variables_of(document: str, world: World) -> dict[str, str]:
    [operation] = [node for node in parse(document).definitions if isinstance(node, OperationDefinitionNode)]
    names = [definition.variable.name.value for definition in operation.variable_definitions or ()]
    return {name: world.events.get(name) or world.id(name) for name in names}


def told(statements: Statements) -> str:
    """What was run for the document itself, a clause a line."""
    mine = [" ".join(text.split()) for text in statements.texts if not WHO_ASKS.search(text)]
    return "".join(f"{CLAUSE.sub(chr(10) + '  ', text)};\n" for text in sorted(mine))


def compare(path: Path, text: str) -> None:
    if os.environ.get(WRITE_VARIABLE):
        path.write_text(text)
    assert text == path.read_text(), f"{path.name} differs; how to write it anew stands at the top of this test"


@pytest.mark.parametrize("name", NAMES)
async def test_document_is_answered_and_run_as_it_was(
    gql: Client, world: World, statements: Statements, name: str
) -> None:
    document = (GOLDEN / f"{name}.graphql").read_text()
    asking = re.match(r"# as (\w+)\n", document)
    assert asking is not None, "the first line says who asks: # as owner"
    answer: dict[str, Any] = await gql(document, variables_of(document, world), token=world.token(asking[1]))
    compare(GOLDEN / f"{name}.json", normal(json.dumps(answer, indent=2, ensure_ascii=False) + "\n", world))
    compare(GOLDEN / f"{name}.sql", told(statements))


def test_triples_are_whole() -> None:
    assert len(NAMES) >= 6
    assert {path.name for path in GOLDEN.iterdir()} == {
        f"{name}.{kind}" for name in NAMES for kind in ("graphql", "json", "sql")
    }
