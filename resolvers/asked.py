"""Checks what a query asks for: pages, filters, times. Bad input is an error that names the argument, never a silent default."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from uuid import UUID

from trailcast.errors import BadUserInput
from trailcast.ledger.catalogue import EVENT_TYPE_LENGTH_MAX
from trailcast.ledger.cursor import decode_sequence
from trailcast.ledger.drafting import NAME_LENGTH_MAX, is_storable, normal_entity_id
from trailcast.ledger.filters import LIST_FIELDS, of_one_actor
from trailcast.records import EntityRef, EventFilter, OrderDirection, PageRequest
from trailcast.settings import Settings

TEXT_LENGTH_MIN = 3  # the trigram index cannot serve less
YEAR_MIN, YEAR_MAX = 2, 9998  # a shift by any time zone stays within what a date can be


def page_size(first: int | None, settings: Settings, name: str = "first") -> int:
    """How many items were asked for, within bounds. Raises BadUserInput."""
    if first is None:
        return settings.page_size_default
    if not 0 <= first <= settings.page_size_max:
        raise BadUserInput(f"{name} must be 0 to {settings.page_size_max}.", [name])
    return first


def page_request(
    workspace_id: UUID,
    settings: Settings,
    *,
    direction: OrderDirection,
    first: int | None,
    after: str | None,
    last: int | None,
    before: str | None,
    offset: int | None = None,
) -> PageRequest:
    """The page that the Relay arguments mean. Raises BadUserInput, BadCursor."""
    if first is not None and last is not None:
        raise BadUserInput("Give first or last, not both.", ["last"])
    if offset is not None:
        if not 0 <= offset <= settings.offset_max:
            raise BadUserInput(f"offset must be 0 to {settings.offset_max}; go further with after.", ["offset"])
        if offset and (after is not None or before is not None or last is not None):
            raise BadUserInput("offset goes with first alone: leave after, before and last out.", ["offset"])
    backward = last is not None
    return PageRequest(
        limit=page_size(last if backward else first, settings, "last" if backward else "first"),
        direction=direction,
        backward=backward,
        after=None if after is None else decode_sequence(workspace_id, after),
        before=None if before is None else decode_sequence(workspace_id, before),
        offset=offset or 0,
    )


def uuid(text: str, *path: str | int) -> UUID:
    """The id. Raises BadUserInput."""
    try:
        return UUID(text)
    except ValueError:
        raise BadUserInput(f"{_named(path)} must be a UUID.", path) from None


def uuids(texts: Sequence[str] | None, *path: str | int) -> tuple[UUID, ...] | None:
    """The ids, where any are given. Raises BadUserInput."""
    return None if texts is None else tuple(uuid(text, *path, index) for index, text in enumerate(texts))


def moment(value: datetime | None, *path: str | int) -> datetime | None:
    """A time that the database can hold. Raises BadUserInput."""
    if value is not None and not YEAR_MIN <= value.year <= YEAR_MAX:
        raise BadUserInput(f"{path[-1]} must lie between {YEAR_MIN} and {YEAR_MAX}.", path)
    return value


def event_filter(wanted: EventFilter, settings: Settings, *path: str) -> EventFilter:
    """The filter, with its texts and bounds checked, its ids in their usual spelling, and one list of those who did it. Raises
    BadUserInput."""
    for name in LIST_FIELDS:
        values = getattr(wanted, name)
        if values is not None:
            if len(values) > settings.filter_values_max:
                raise BadUserInput(
                    f"A list of a filter may have {settings.filter_values_max} values.", [*path, camel(name)]
                )
            for index, value in enumerate(values):
                _short(value, *path, camel(name), index)
    prefix = wanted.event_type_prefix
    if prefix is not None and not (
        0 < len(prefix) <= EVENT_TYPE_LENGTH_MAX and prefix.isascii() and is_storable(prefix)
    ):
        message = f'eventTypePrefix must have 1 to {EVENT_TYPE_LENGTH_MAX} ASCII characters, such as "task.".'
        raise BadUserInput(message, [*path, "eventTypePrefix"])
    if wanted.text is not None:
        search_text(wanted.text, *path, "text", length_min=TEXT_LENGTH_MIN)
    if wanted.correlation_id is not None:
        _short(wanted.correlation_id, *path, "correlationId")
    moment(wanted.since, *path, "since")
    moment(wanted.until, *path, "until")
    wanted = of_one_actor(wanted)
    if wanted.entity is None:
        return wanted
    spelled = entity(wanted.entity, *path, "entity")
    return wanted if spelled == wanted.entity else replace(wanted, entity=spelled)


def entity(reference: EntityRef, *path: str, names: tuple[str, str] = ("type", "id")) -> EntityRef:
    """The entity, with its id spelled as it is stored; `names` are those of its arguments. Raises BadUserInput."""
    for value, name in zip((reference.type, reference.id), names, strict=True):
        _short(value, *path, name)
    return EntityRef(reference.type, normal_entity_id(reference.type, reference.id) or "")


def search_text(text: str, *path: str, length_min: int = 1) -> str:
    """Text to look for. Raises BadUserInput."""
    if not length_min <= len(text) <= NAME_LENGTH_MAX or not is_storable(text):
        raise BadUserInput(f"text must have {length_min} to {NAME_LENGTH_MAX} characters.", path)
    return text


def camel(name: str) -> str:
    """The name of a field as the contract spells it."""
    head, *tail = name.split("_")
    return head + "".join(word.capitalize() for word in tail)


def _short(value: object, *path: str | int) -> None:
    if isinstance(value, str) and (len(value) > NAME_LENGTH_MAX or not is_storable(value)):
        raise BadUserInput(f"{_named(path)} may have {NAME_LENGTH_MAX} characters, none of them NUL.", path)


def _named(path: Sequence[str | int]) -> str:
    """The field that a path leads to, be it to one value of its list."""
    return next(step for step in reversed(path) if isinstance(step, str))


def rows(first: int, settings: Settings) -> int:
    """How many rows of a breakdown. Raises BadUserInput."""
    if not 1 <= first <= settings.breakdown_max:
        raise BadUserInput(f"first must be 1 to {settings.breakdown_max}.", ["first"])
    return first
