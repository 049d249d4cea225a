"""DateTime, JSON and BigInt: how values cross the border. A bad value is refused with the reason, never bent into a good one."""

import re
from datetime import UTC, datetime
from functools import cache
from typing import Any, NewType

import strawberry
from graphql import GraphQLError
from strawberry.scalars import JSON
from strawberry.schema.config import StrawberryConfig
from strawberry.schema.name_converter import NameConverter
from strawberry.types.scalar import ScalarDefinition
from strawberry.utils.str_converters import to_camel_case

BigInt = NewType("BigInt", int)
BIG_INT_MAX = 2**63 - 1

_RFC3339 = re.compile(r"\d{4}-\d{2}-\d{2}[Tt ]\d{2}:\d{2}:\d{2}(\.\d{1,9})?([Zz]|[+-]\d{2}:\d{2})", re.ASCII)


def parse_datetime(value: object) -> datetime:
    """An aware time from RFC 3339. Raises GraphQLError."""
    if not isinstance(value, str) or not _RFC3339.fullmatch(value):
        raise _bad(
            "A DateTime is RFC 3339 with an offset, such as 2026-11-22T09:30:00Z or 2026-11-22T10:30:00.5+01:00."
        )
    try:
        moment = datetime.fromisoformat(value.upper().replace(" ", "T"))
        return moment.astimezone(UTC)
    except (ValueError, OverflowError):
        raise _bad("There is no such moment: check the day, the time and the offset.") from None


def parse_big_int(value: object) -> int:
    """A whole number of up to 64 bits. Raises GraphQLError."""
    text = str(value) if isinstance(value, int) and not isinstance(value, bool) else value
    if not isinstance(text, str) or not re.fullmatch(r"-?\d{1,19}", text, re.ASCII) or abs(int(text)) > BIG_INT_MAX:
        raise _bad("A BigInt is a whole number of up to 64 bits, as a decimal string.")
    return int(text)


_camel_case = cache(to_camel_case)


def _bad(message: str) -> GraphQLError:
    return GraphQLError(message, extensions={"code": "BAD_USER_INPUT"})


def _serialize_datetime(value: datetime) -> str:
    return value.isoformat(timespec="microseconds")


SCALARS: dict[object, ScalarDefinition] = {
    datetime: strawberry.scalar(
        name="DateTime",
        description="RFC 3339 with an offset, up to microseconds (finer digits are cut). A value without an offset is refused. "
        "Answers are in UTC and always have six digits of a second.",
        specified_by_url="https://www.rfc-editor.org/rfc/rfc3339",
        serialize=_serialize_datetime,
        parse_value=parse_datetime,
    ),
    JSON: strawberry.scalar(
        name="JSON",
        description="Any JSON value; where an object is asked for, the description says so with its bounds.",
        specified_by_url="https://www.rfc-editor.org/rfc/rfc8259",
        serialize=lambda value: value,
        parse_value=lambda value: value,
    ),
    BigInt: strawberry.scalar(
        name="BigInt",
        description="A whole number that may pass 2^31, as a decimal string; at most 2^63 - 1.",
        serialize=str,
        parse_value=parse_big_int,
    ),
}


class Names(NameConverter):
    """strawberry's names, each made once: it asks for those of all arguments whenever a field is resolved."""

    def apply_naming_config(self, name: str) -> str:
        return _camel_case(name)


def configuration() -> StrawberryConfig:
    """Strawberry's configuration of the schema."""
    return StrawberryConfig(scalar_map=SCALARS, name_converter=Names())


def given(value: Any) -> Any:
    """The value of an argument, with "left out" and null made one."""
    return None if value is strawberry.UNSET else value
