"""What a document and its variables may be: every bound, and the sentence that refuses what is beyond it.

Bounds are settings; the sentence names the bound, its setting and what to do. Who counts stands elsewhere, in the order in which a
document passes: `schema.execution.tokens` before it is parsed, `schema.execution.tallies` before it is validated,
`schema.execution.costs` before it is run. Each of them takes time and memory in proportion to the text and no more.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Self

from graphql import GraphQLError

from schema.errors import BAD_USER_INPUT, TOO_COMPLEX
from trailcast.settings import Settings, field_names

OF_INTROSPECTION = "introspection_cost_max"  # a bound that follows from the schema, and no setting

_IN_VARIABLES = "send values in variables, or ask in several requests"
_IN_PARTS = "ask in several requests"
_SENTENCES = {
    "document_bytes_max": ("is larger than {} bytes", _IN_VARIABLES),
    "document_tokens_max": ("has more than {} words, numbers, texts, comments and signs", _IN_VARIABLES),
    "document_words_length_max": ("has words, texts and comments of more than {} characters in all", _IN_VARIABLES),
    "document_nesting_max": ("nests brackets deeper than {} levels", _IN_VARIABLES),
    "number_digits_max": ("holds a number of more than {} characters", "no field takes it: mend it"),
    "document_depth_max": ("selects deeper than {} levels", _IN_PARTS),
    "document_fields_max": ("selects more than {} fields, fragments expanded", _IN_PARTS),
    "document_repeats_max": ("selects one field more than {} times in one place", "select it once"),
    "document_aliases_max": ("has more than {} aliases in one operation, fragments expanded", _IN_PARTS),
    "document_directives_max": ("has more than {} directives in one operation, fragments expanded", _IN_PARTS),
    "document_root_fields_max": ("selects more than {} root fields in one operation", _IN_PARTS),
    "document_cost_max": (
        "costs more than {}, which is its fields, each times the sizes of the lists that it is in",
        "ask for smaller pages with first or last, or for fewer fields",
    ),
    OF_INTROSPECTION: ("asks for more than twice what generators ask for in introspection", _IN_PARTS),
}
_OF_VARIABLES = {
    "variables_depth_max": ("nest deeper than {} levels", "no field takes that: mend them"),
    "variables_values_max": ("hold more than {} values", _IN_PARTS),
}
_CONTAINERS = frozenset({dict, list})


@dataclass(frozen=True, slots=True)
class Limits:
    """The settings that bound documents, by their names."""

    document_bytes_max: int
    document_tokens_max: int
    document_words_length_max: int
    document_nesting_max: int
    number_digits_max: int
    document_depth_max: int
    document_fields_max: int
    document_repeats_max: int
    document_aliases_max: int
    document_directives_max: int
    document_root_fields_max: int
    document_cost_max: int
    variables_depth_max: int
    variables_values_max: int
    page_size_default: int
    page_size_max: int

    @classmethod
    def of(cls, settings: Settings) -> Self:
        return cls(**{field.name: getattr(settings, field.name) for field in fields(cls)})

    def refusal(self, bound: str) -> GraphQLError:
        """What is said of a document, or of variables, beyond this bound."""
        subject, code, (excess, remedy) = (
            ("The document", TOO_COMPLEX, _SENTENCES[bound])
            if bound in _SENTENCES
            else ("The variables", BAD_USER_INPUT, _OF_VARIABLES[bound])
        )
        setting = f" ({field_names()[bound]})" if bound in field_names() else ""
        said = excess.format(f"{getattr(self, bound, 0):,}")
        return GraphQLError(f"{subject} {said}{setting}: {remedy}.", extensions={"code": code})


def find_excess_of_variables(variables: dict[str, object] | None, limits: Limits) -> str | None:
    """The bound that the variables are beyond, if any. Level by level: they may be nested deeper than a stack is."""
    level: Sequence[object] = [variables] if variables else []
    depth = values = 0
    while level:
        depth += 1
        below: list[object] = []
        for container in level:
            # What JSON is read into has no subclasses, and a batch of a thousand events is looked at in half the time.
            inner = container.values() if type(container) is dict else container
            values += len(inner)  # type: ignore[arg-type]
            if values > limits.variables_values_max:
                return "variables_values_max"
            for value in inner:  # type: ignore[attr-defined]
                if type(value) in _CONTAINERS:
                    below.append(value)  # noqa: PERF401 - a list for each container takes longer
        if depth > limits.variables_depth_max:
            return "variables_depth_max"
        level = below
    return None
