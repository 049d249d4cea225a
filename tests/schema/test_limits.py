"""Documents are counted in steps that grow with their text and no faster, fragments by arithmetic; costs are what is said of them."""

import re
import tracemalloc
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from graphql import GraphQLError, GraphQLSyntaxError, Lexer, Source, TokenKind, get_introspection_query, parse
from hypothesis import example, given, settings
from hypothesis import strategies as st

import schema.execution.documents as documents_module
from resolvers.context import without_end
from schema.build import build
from schema.errors import TOO_COMPLEX
from schema.execution.documents import Document, Documents
from schema.execution.tallies import Tallies
from schema.execution.tokens import _TOKEN, find_excess_of_text
from schema.limits import Limits, find_excess_of_variables
from tests.docs.markdown import ROOT, blocks
from trailcast.settings import Settings

LIMITS = Limits.of(Settings.model_construct())
GOLDEN = ROOT / "tests" / "contract" / "golden"


@pytest.fixture
def documents() -> Documents:
    """Those of the schema with the limits that are set by default, with nothing in the cache."""
    return Documents(build()._schema, LIMITS, introspection=True)


def code_of(documents: Documents, text: str, variables: dict[str, object] | None = None) -> str | None:
    """The code of what keeps the document's one operation from being run."""
    try:
        document = documents.read(text)
        errors = documents.find_errors(document, document.find_operation(None), variables, without_end)
    except GraphQLSyntaxError:
        return "GRAPHQL_PARSE_FAILED"
    except GraphQLError as error:
        errors = [error]
    return str((errors[0].extensions or {}).get("code")) if errors else None


def doubling(fragments: int) -> str:
    """Each fragment spreads the next one twice."""
    chain = [f"fragment f{n} on Actor {{ ...f{n + 1} ...f{n + 1} }}" for n in range(fragments)]
    return " ".join(["{ viewer { actor { ...f0 } } }", *chain, f"fragment f{fragments} on Actor {{ id }}"])


# -- counting


def test_sixty_doublings_are_counted_and_not_walked() -> None:
    tallies = Tallies(parse(doubling(60)))
    [tally] = tallies.of_operations
    # 2 fields, the first spread, then 2 + 4 + … spreads and 2^60 fields.
    assert tally.selections == 2 + 1 + (2**61 - 2) + 2**60
    assert tally.depth == 3
    assert tallies.find_excess(LIMITS) == "document_fields_max"
    assert tallies.steps == 3 + 2 * 60 + 1  # the selections that the text has


@pytest.mark.parametrize("fragments", [10, 20, 40, 80])
def test_steps_grow_with_the_text(fragments: int) -> None:
    tallies = Tallies(parse(doubling(fragments)))
    tallies.find_excess(LIMITS)
    assert tallies.steps == 4 + 2 * fragments


def test_a_document_within_its_bounds_is_expanded_once() -> None:
    text = "query A { ...a ...a } query B { ...a } fragment a on Query { viewer { ...b role } } fragment b on Viewer { role }"
    tallies = Tallies(parse(text))
    assert tallies.find_excess(LIMITS) is None
    assert tallies.steps == 7 + (2 + 2 * 4) + (1 + 4)


def test_everything_is_counted_through_fragments() -> None:
    text = """
        query Q($a: Boolean = true @x) @x { ...roots @x ... on Query @x { c: viewer { role } } }
        fragment roots on Query @x { a: viewer { ...deep } viewer { role @x } }
        fragment deep on Viewer { b: actor { d: name } }
    """
    [tally] = Tallies(parse(text)).of_operations
    assert (tally.root_fields, tally.aliases, tally.depth, tally.directives) == (3, 4, 3, 6)


def test_introspection_has_no_depth_and_all_the_other_counts() -> None:
    text = "{ __schema { types { ...t } } } fragment t on __Type { o: ofType { ofType { ofType { name } } } }"
    [tally] = Tallies(parse(text)).of_operations
    assert (tally.depth, tally.selections, tally.aliases) == (1, 7, 1)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{ ...a } fragment a on Query { ...a }", "Cannot spread fragment 'a' within itself."),
        (
            "{ ...a } fragment a on Query { ...b } fragment b on Query { viewer { ...a } }",
            "Cannot spread fragment 'a' within itself.",
        ),
        ("{ viewer { role } } fragment a on Query { ...a }", "Fragment 'a' is never used."),
        (
            "{ ...a } fragment a on Query { viewer { role } } fragment a on Query { viewer { role } }",
            "There can be only one fragment named 'a'.",
        ),
    ],
)
def test_fragments_that_cannot_be_counted_are_invalid(documents: Documents, text: str, message: str) -> None:
    with pytest.raises(GraphQLError) as raised:
        documents.read(text)
    assert (raised.value.message, raised.value.extensions) == (message, {"code": "GRAPHQL_VALIDATION_FAILED"})


# -- the text

ALPHABET = [
    '"', '""', '"""', "\\", '\\"', '\\"""', "\n", "\r", " ", ",", "#", "#x", "a", "_9", "1", "-", "-1", "0", ".", "...", "1.5", "1e",
    "1e5", "E+", "{", "}", "[", "]", "(", ")", "!", "$", "&", ":", "=", "@", "|", "é", "\ufeff", "\\u0041", "?",
]  # fmt: skip


@settings(max_examples=500, deadline=None)
@given(st.lists(st.sampled_from(ALPHABET), max_size=12).map("".join))
@example('"""a\\""""""b')
@example("[1-1-1.5-1]")
@example('{a(b:"\\\\")}')
def test_tokens_are_those_that_the_parser_will_see(text: str) -> None:
    lexer = Lexer(Source(text))
    theirs: list[int] = []
    is_whole = True
    try:
        while (token := lexer.read_next_token(theirs[-1] if theirs else 0)).kind is not TokenKind.EOF:
            theirs.append(token.end)
    except GraphQLError:
        is_whole = False
    ours: list[int] = []
    while (found := _TOKEN.match(text, ours[-1] if ours else 0)) is not None:
        ours.append(found.end())
    # Where the lexer stops, the parser stops: what we see beyond is of no interest.
    assert (ours if is_whole else ours[: len(theirs)]) == theirs


class Counting:
    """Matches tokens, and counts how often it is asked to."""

    def __init__(self) -> None:
        self.times = 0

    def match(self, text: str, position: int) -> re.Match[str] | None:
        self.times += 1
        return _TOKEN.match(text, position)


@pytest.mark.parametrize(
    ("text", "bound", "times"),
    [
        ("{" + "a " * 5000, "document_tokens_max", 1001),
        ("[" * 50_000, "document_nesting_max", 51),
        ('"""' + "\n" * 200_000, "document_words_length_max", 1),
        ('"' + '\\"' * 100_000, "document_words_length_max", 1),
        ("#" * 200_000, "document_words_length_max", 1),
        ("x" * 200_000, "document_words_length_max", 1),
        ("9" * 200_000, "number_digits_max", 1),
        (" " * 5_000_000, "document_bytes_max", 0),
        ("é" * 131_073, "document_bytes_max", 0),
        ("é" * 131_072, None, 1),  # no document, which the parser says at its first character
        ("{}" * 500, None, 1001),
    ],
    ids=lambda value: str(value)[:20],
)
def test_the_text_is_looked_at_until_the_first_excess_and_no_further(
    monkeypatch: pytest.MonkeyPatch, text: str, bound: str | None, times: int
) -> None:
    counting = Counting()
    monkeypatch.setattr("schema.execution.tokens._TOKEN", counting)
    assert (find_excess_of_text(text, LIMITS), counting.times) == (bound, times)


# -- the variables


def nested(levels: int) -> dict[str, object]:
    value: Any = 1
    for _ in range(levels - 1):
        value = [value]
    return {"value": value}


def test_variables_are_counted_level_by_level() -> None:
    limits = replace(LIMITS, variables_depth_max=4, variables_values_max=6)
    cases: dict[str | None, list[dict[str, Any] | None]] = {
        None: [None, {}, nested(4), {"a": [1, 2, 3, 4, 5]}, {"a": {"b": [1, 2]}, "c": "x", "d": None}],
        "variables_depth_max": [nested(5), nested(100_000), {"a": {"b": {"c": {"d": {}}}}}],
        "variables_values_max": [{"a": [1, 2, 3, 4, 5, 6]}, {"a": [[1, 2], [3, 4]]}, {"a": [0] * 1_000_000}],
    }
    for bound, variables in cases.items():
        assert [find_excess_of_variables(one, limits) for one in variables] == [bound] * len(variables)


# -- costs


def cost(documents: Documents, text: str, variables: dict[str, object] | None = None) -> int:
    document = documents.read(text)
    operation = document.find_operation(None)
    documents.find_errors(document, operation, variables, without_end)
    assert (document.errors, operation.cost is None) == ([], False)
    assert operation.cost is not None
    return documents._costs.total(operation.cost, variables)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{ viewer { role actor { name } } }", 4),
        ("{ viewer { boards { canRead } } }", 2 + 50),
        ("{ activityEvents { nodes { id } } }", 1 + 50 * 2),
        ("{ activityEvents(first: 3) { nodes { id } } }", 1 + 3 * 2),
        ("{ activityEvents(last: 3) { edges { node { id } } pageInfo { endCursor } } }", 1 + 3 * 5),
        ("{ activityEvents(first: 3, last: 7) { nodes { id } } }", 1 + 7 * 2),
        ("{ activityEvents(first: 0) { nodes { id } } }", 1),
        ("{ activityEvents(first: null) { nodes { id } } }", 1 + 50 * 2),
        ("{ activityEvents(first: 2147483647) { nodes { id } } }", 1 + 200 * 2),  # refused by the field
        ("{ activityEvents(first: 3) { nodes { changes { path } } } }", 1 + 3 * (2 + 50)),
        ('{ activityMetrics(since: "2026-01-01T00:00:00Z") { breakdown(by: TASK) { key } } }', 2 + 20),
        ('{ auditTrail(entityType: "task", entityId: "1") { events(first: 2) { nodes { id } } } }', 2 + 2 * 2),
        ("{ activityEvents(first: 3) { nodes { ...a ... { id } } } } fragment a on Node { ...b } fragment b on Node { id }", 10),
        ("{ __schema { types { name } } __typename }", 2),
        ("subscription { activityLogged { id changes { path } } }", 3 + 50),
    ],
)  # fmt: skip
def test_a_field_costs_one_times_the_lists_above_it(documents: Documents, text: str, expected: int) -> None:
    assert cost(documents, text) == expected


def test_variables_say_how_large_a_list_is(documents: Documents) -> None:
    text = "query ($n: Int, $m: Int = 4) { activityEvents(first: $n, last: $m) { nodes { id changes { path } } } }"
    cases: list[tuple[dict[str, object] | None, int]] = [
        (None, 50),
        ({}, 50),
        ({"n": 3}, 4),
        ({"n": 7}, 7),
        ({"n": 7, "m": 9}, 9),
        ({"n": 7.0, "m": 9}, 9),
        ({"n": None, "m": 1}, 50),
        ({"n": -1, "m": 1}, 1),
        ({"n": 10**9, "m": 1}, 200),
        ({"n": "x", "m": 1}, 50),
    ]
    for variables, size in cases:
        assert cost(documents, text, variables) == 1 + size * (3 + 50), variables


def test_what_nested_lists_cost_is_refused_before_it_is_run(documents: Documents) -> None:
    field = "a{}: activityEvents(first: $n) {{ nodes {{ id changes {{ path before after }} }} }}"
    text = "query ($n: Int!) {" + " ".join(field.format(number) for number in range(10)) + "}"
    assert code_of(documents, text, {"n": 32}) is None
    assert code_of(documents, text, {"n": 33}) == TOO_COMPLEX


# -- introspection

EVERYTHING = get_introspection_query(
    specified_by_url=True, directive_is_repeatable=True, schema_description=True, input_value_deprecation=True, one_of=True
)  # fmt: skip
DEEPER = get_introspection_query(input_value_deprecation=True, type_depth=12)
TYPE = "kind name description ofType { name ofType { name } }"
NESTED = (
    "{ __schema { types { fields { name type { ...T fields { type { ...T } args { type { ...T } } } } args { type { ...T } } } } } }"
    f" fragment T on __Type {{ {TYPE} enumValues {{ name }} }}"
)


def test_what_generators_ask_for_passes(documents: Documents) -> None:
    for text in (
        EVERYTHING,
        DEEPER,
        get_introspection_query(descriptions=False),
        "{ __schema { queryType { name } } }",
    ):
        assert code_of(documents, text) is None
    assert code_of(documents, '{ __type(name: "Actor") { fields { type { fields { name } } } } }') is None


def test_introspection_of_lists_in_lists_does_not(documents: Documents) -> None:
    assert code_of(documents, NESTED) == TOO_COMPLEX


# -- what there is


@pytest.mark.parametrize("text", [block.text for block in blocks(language="graphql")])
def test_documents_of_the_pages_pass(documents: Documents, text: str) -> None:
    assert code_of(documents, text) is None


@pytest.mark.parametrize("path", sorted(GOLDEN.glob("*.graphql")), ids=lambda path: Path(path).stem)
def test_golden_documents_pass(documents: Documents, path: Path) -> None:
    assert code_of(documents, path.read_text()) is None


# -- the cache


def test_a_document_is_read_and_validated_once(documents: Documents, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = count_calls(monkeypatch, "parse", "validate")
    for _ in range(3):
        assert code_of(documents, "{ viewer { role } }") is None
    assert calls == {"parse": 1, "validate": 1}


@pytest.mark.parametrize(
    "text", ["{ viewer", "{ nothing }", doubling(60), "#\n" * 1001, "{ viewer {" + "role " * 16 + "} }"]
)
def test_what_is_refused_is_not_kept(documents: Documents, text: str) -> None:
    assert code_of(documents, text) is not None
    assert (len(documents._kept), documents._kept_bytes) == (0, 0)


def test_what_is_kept_is_bounded_in_bytes(documents: Documents, monkeypatch: pytest.MonkeyPatch) -> None:
    texts = [f"{{ viewer {{ role }} }} # {number}" for number in range(5)]
    weight = documents.read(texts[0]).weight_bytes
    monkeypatch.setattr(documents_module, "DOCUMENTS_CACHED_BYTES_MAX", 3 * weight)
    for text in texts[:3]:
        documents.read(text)
    documents.read(texts[0])  # used last, so that it stays
    for text in texts[3:]:
        documents.read(text)
    assert list(documents._kept) == [texts[0], texts[3], texts[4]]
    assert documents._kept_bytes == 3 * weight


def test_a_document_weighs_what_it_takes_in_memory_at_least(documents: Documents) -> None:
    text = "{ activityEvents(filter: { eventType: [" + '"x" ' * 900 + "] }) { nodes { id } } }"
    tracemalloc.start()
    before, _ = tracemalloc.get_traced_memory()
    document: Document = documents.read(text)
    after, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert after - before <= document.weight_bytes


def count_calls(monkeypatch: pytest.MonkeyPatch, *names: str) -> dict[str, int]:
    """How often these functions of graphql-core are called from now on."""
    calls = dict.fromkeys(names, 0)
    for name in names:
        original = getattr(documents_module, name)

        def counting(*arguments: Any, _name: str = name, _original: Any = original, **options: Any) -> Any:
            calls[_name] += 1
            return _original(*arguments, **options)

        monkeypatch.setattr(documents_module, name, counting)
    return calls
