"""Checks one event as it was handed in, as far as that needs no database: shapes, bounds, text that can be stored, redaction.

Every finding is a problem that the caller can mend, with the path to the value. Nothing is cut to fit and nothing bad becomes a
default. Who may write where, and whether boards, tasks and actors exist, is decided in `resolvers.log`.
"""

import hashlib
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import Enum
from functools import lru_cache
from typing import Any
from uuid import UUID

import orjson
from asyncpg.pgproto import pgproto

from trailcast.ledger.catalogue import COMMENT, EVENT_TYPE_LENGTH_MAX, is_event_type
from trailcast.ledger.redact import is_clean, is_clean_path, redact, redact_change
from trailcast.records import ActorKind, ActorRef, EventInput, FieldChange, JsonObject, Problem, ProblemCode
from trailcast.settings import Settings

NAME_LENGTH_MAX = 200  # characters, for every short text: keys, ids of foreign systems, names
ACTOR_KINDS = tuple(ActorKind)
BEHALF_KINDS = (ActorKind.AGENT, ActorKind.USER)
UUID_LENGTH = 36
UUIDS_KEPT_MAX = 4096  # as they were read: the events of a batch are about few things
WORD = re.compile(r"[a-z][a-z0-9_]{0,49}")
INTEGER_MIN, INTEGER_MAX = -(2**63), 2**64 - 1
KNOWN_ENTITIES = frozenset({"task", "board", "project", "event", "user", "workspace", "agent", "service"})


@dataclass(slots=True)
class Checked:
    """An input whose shape is right: ids are UUIDs, secrets are gone, times are aware. What was not given is None."""

    input: EventInput
    board_id: UUID | None = None
    task_id: UUID | None = None
    actor: ActorRef | None = None
    on_behalf_of: ActorRef | None = None
    entity_id: str | None = None
    changes: list[JsonObject] = field(default_factory=list)
    metadata: JsonObject = field(default_factory=dict)
    size_bytes: int = 0  # of message, changes and metadata
    problems: list[Problem] = field(default_factory=list)

    def content_sha256(self, actor: ActorRef) -> bytes:
        """What the idempotency key stands for: all that the caller said, and who it is. Nothing derived, since names change."""
        given = self.input
        content = (
            given.event_type, given.action, given.outcome, given.message, self.board_id, self.task_id, given.entity_type,
            self.entity_id, given.entity_name, self.changes, self.metadata, given.occurred_at, given.correlation_id, actor,
            self.on_behalf_of,
        )  # fmt: skip
        return hashlib.sha256(orjson.dumps(content, default=str, option=orjson.OPT_SORT_KEYS)).digest()


def check(given: EventInput, settings: Settings) -> Checked:
    """The input with its problems; if there are any, the rest is not to be used."""
    checked = Checked(given)
    found = checked.problems
    _check_words(given, found)
    _check_texts(given, settings, checked)
    checked.board_id = check_uuid(given.board_id, "boardId", found)
    checked.task_id = check_uuid(given.task_id, "taskId", found)
    checked.actor = _check_actor(given.actor_kind, given.actor_id, "actor", ACTOR_KINDS, found)
    checked.on_behalf_of = _check_actor(
        given.on_behalf_of_kind, given.on_behalf_of_id, "onBehalfOf", BEHALF_KINDS, found
    )
    checked.entity_id = normal_entity_id(given.entity_type, given.entity_id)
    _check_json(given, settings, checked)
    if given.event_type == COMMENT:
        _check_comment(given, found)
    return checked


def check_uuid(text: str | None, name: str, found: list[Problem]) -> UUID | None:
    """The id, or None with a problem where the text is none."""
    if text is None:
        return None
    try:
        # One of another length may be as long as a request.
        return _usual_uuid(text) if len(text) == UUID_LENGTH else UUID(text)
    except ValueError:
        found.append(Problem(ProblemCode.INVALID, f"{name} must be a UUID.", (name,)))
        return None


@lru_cache(maxsize=UUIDS_KEPT_MAX)
def _usual_uuid(text: str) -> UUID:
    # The driver's kind, as the directory's are: it is compared, written out and sent in a fraction of the time.
    return pgproto.UUID(UUID(text).bytes)


def normal_entity_id(entity_type: str | None, entity_id: str | None) -> str | None:
    """Ids of what Trailcast itself knows are UUIDs in their usual spelling, so that a history is found under any."""
    if entity_id is not None and entity_type in KNOWN_ENTITIES:
        try:
            return str(UUID(entity_id))
        except ValueError:
            return entity_id
    return entity_id


def is_storable(text: str) -> bool:
    """PostgreSQL holds no NUL, and UTF-8 no lone surrogate."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return "\0" not in text


def json_problem(value: Any, depth_max: int, depth: int = 1) -> str | None:
    """Why this JSON value cannot be stored, or None."""
    if isinstance(value, str):
        return None if is_storable(value) else "holds text that cannot be stored (NUL or half a surrogate pair)"
    if isinstance(value, bool) or value is None:
        return None
    if isinstance(value, int):
        return (
            None if INTEGER_MIN <= value <= INTEGER_MAX else "holds a whole number beyond 64 bits; send it as a string"
        )
    if isinstance(value, float):
        return None if math.isfinite(value) else "holds a number that JSON does not have"
    if depth > depth_max:
        return f"is nested deeper than {depth_max} levels"
    inner: Sequence[Any] = [*value.keys(), *value.values()] if isinstance(value, dict) else value
    return next((problem for item in inner if (problem := json_problem(item, depth_max, depth + 1))), None)


def _check_words(given: EventInput, found: list[Problem]) -> None:
    if not is_event_type(given.event_type):
        message = (
            "eventType must be dotted lower case, subject.what_happened, "
            f"of letters, digits and _, at most {EVENT_TYPE_LENGTH_MAX} characters."
        )
        found.append(Problem(ProblemCode.INVALID, message, ("eventType",)))
    for name, value in (("action", given.action), ("entity.type", given.entity_type)):
        if value is not None and not WORD.fullmatch(value):
            message = f"{name} must be lower case letters, digits and _, at most 50 characters."
            found.append(Problem(ProblemCode.INVALID, message, tuple(name.split("."))))


def _check_texts(given: EventInput, settings: Settings, checked: Checked) -> None:
    found = checked.problems
    shorts = (
        ("entity.id", given.entity_id), ("entityName", given.entity_name), ("correlationId", given.correlation_id),
        ("idempotencyKey", given.idempotency_key),
    )  # fmt: skip
    for name, value in shorts:
        if value is None:
            continue
        path = tuple(name.split("."))
        if len(value) > NAME_LENGTH_MAX:
            found.append(Problem(ProblemCode.TOO_LARGE, f"{name} may have {NAME_LENGTH_MAX} characters.", path))
        elif not value or not is_storable(value):
            found.append(
                Problem(ProblemCode.INVALID, f"{name} must not be empty nor hold NUL or half a surrogate pair.", path)
            )
    if given.message is not None:
        if not is_storable(given.message):
            message = "message holds text that cannot be stored (NUL or half a surrogate pair)."
            found.append(Problem(ProblemCode.INVALID, message, ("message",)))
        elif (size_bytes := len(given.message.encode())) > settings.message_bytes_max:
            message = f"message may have {settings.message_bytes_max} bytes of UTF-8."
            found.append(Problem(ProblemCode.TOO_LARGE, message, ("message",)))
        else:
            checked.size_bytes += size_bytes


def _check_comment(given: EventInput, found: list[Problem]) -> None:
    if given.message is None or not given.message.strip():
        found.append(Problem(ProblemCode.INVALID, "A comment needs a message that is not blank.", ("message",)))
    if given.task_id is None:
        found.append(Problem(ProblemCode.INVALID, "A comment needs the task that it is about.", ("taskId",)))


def _check_actor(
    kind: ActorKind | None, actor_id: str | None, name: str, kinds: Sequence[ActorKind], found: list[Problem]
) -> ActorRef | None:
    if kind is None or actor_id is None:
        return None
    if kind not in kinds:
        allowed = " or ".join(allowed.value for allowed in kinds)
        found.append(Problem(ProblemCode.INVALID, f"{name} must be {allowed}.", (name, "kind")))
        return None
    inner: list[Problem] = []
    identity = check_uuid(actor_id, "id", inner)
    found += [problem.under(name) for problem in inner]
    return None if identity is None else ActorRef(kind, identity)


def _check_json(given: EventInput, settings: Settings, checked: Checked) -> None:
    metadata, depth_max = given.metadata, settings.metadata_depth_max
    if metadata is not None and not isinstance(metadata, dict):
        checked.problems.append(Problem(ProblemCode.INVALID, "metadata must be a JSON object.", ("metadata",)))
    elif metadata:
        fit = _fit(metadata, "metadata", settings.metadata_bytes_max, depth_max, checked)
        if fit is not None:
            checked.metadata = metadata if fit is _Fit.CLEAN else redact(metadata)
    if not given.changes:
        return
    if len(given.changes) > settings.changes_max:
        message = f"changes may have {settings.changes_max} entries."
        checked.problems.append(Problem(ProblemCode.TOO_LARGE, message, ("changes",)))
        return
    for index, change in enumerate(given.changes):
        if not change.path or len(change.path) > NAME_LENGTH_MAX or not is_storable(change.path):
            message = f"path must have 1 to {NAME_LENGTH_MAX} characters."
            checked.problems.append(Problem(ProblemCode.INVALID, message, ("changes", str(index), "path")))
    plain = [{"path": change.path, "before": change.before, "after": change.after} for change in given.changes]
    # A change is itself two levels: the list and the entry.
    fit = _fit(plain, "changes", settings.changes_bytes_max, depth_max + 2, checked)
    if fit is not None:
        clean = fit is _Fit.CLEAN and all(is_clean_path(change.path) for change in given.changes)
        checked.changes = plain if clean else [_redacted(change) for change in given.changes]


def _redacted(change: FieldChange) -> JsonObject:
    before, after = redact_change(change.path, (change.before, change.after))
    return {"path": change.path, "before": before, "after": after}


class _Fit(Enum):
    """How a value can be stored: as it is, or once it has been looked through for secrets."""

    CLEAN = 0
    UNSEEN = 1


def _fit(value: Any, name: str, bytes_max: int, depth_max: int, checked: Checked) -> _Fit | None:
    """How it can be stored, with its size counted; None where it cannot, with the reason among the problems."""
    try:
        stored = orjson.dumps(value)
    except TypeError:
        stored = b""  # text or numbers that no JSON has, or depth: which, is found below
    # A NUL can be written as JSON and cannot be stored; a number that is not finite would have been written as null.
    clean = stored and b"\\u0000" not in stored and is_clean(value, depth_max)
    problem = None if clean else json_problem(value, depth_max)
    if problem is not None:
        code = ProblemCode.TOO_LARGE if "deeper" in problem else ProblemCode.INVALID
        checked.problems.append(Problem(code, f"{name} {problem}.", (name,)))
        return None
    if len(stored) > bytes_max:
        message = f"{name} may have {bytes_max} bytes of JSON."
        checked.problems.append(Problem(ProblemCode.TOO_LARGE, message, (name,)))
        return None
    checked.size_bytes += len(stored)
    return _Fit.CLEAN if clean else _Fit.UNSEEN
