"""Every error that Trailcast means to raise: one tree, each leaf with a stable code and a sentence that names the remedy.

    TrailcastError
    ├── Unauthenticated     UNAUTHENTICATED   no credential, or one that does not count (any more)
    ├── Forbidden           FORBIDDEN         visible to the caller, but not for it to do
    ├── NotFound            NOT_FOUND         absent, or hidden from the caller: the two are never told apart
    ├── BadUserInput        BAD_USER_INPUT    an argument that can be mended; `path` says which
    │   ├── BadCursor       BAD_CURSOR        altered, of another workspace or list, or from the future
    │   └── CursorExpired   CURSOR_EXPIRED    older than the oldest event that is kept
    ├── LimitExceeded       LIMIT_EXCEEDED    as many operations on one socket as there may be
    ├── RateLimited         RATE_LIMITED      one caller asks too much in too short a time; `retry_after_s` says when again
    ├── Unavailable         UNAVAILABLE       the database cannot be reached or is too busy; try again
    │   └── Unwritable      UNAVAILABLE       the database answers and takes no writes; nothing was written
    └── ConfigurationError  CONFIGURATION     a setting or an installation that the server refuses to start with

A code is a promise: it is never renamed or reused, and `docs/errors.md` has a paragraph on each (tested). Translation to
GraphQL happens in `schema.errors` alone. Whatever is not in this tree is a defect: it is logged with an id and masked.
"""

from collections.abc import Sequence
from typing import ClassVar


class TrailcastError(Exception):
    """The root. `message` is a sentence for people; `code` is for programs."""

    code: ClassVar[str] = "INTERNAL"

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class Unauthenticated(TrailcastError):
    """No credential, or one that is unknown, expired or revoked. The three are not told apart."""

    code = "UNAUTHENTICATED"

    def __init__(
        self, message: str = "A valid credential is needed: send Authorization: Bearer <token> or X-Agent-Token."
    ) -> None:
        super().__init__(message)


class Forbidden(TrailcastError):
    """The caller can see the thing but may not do this with it."""

    code = "FORBIDDEN"


class NotFound(TrailcastError):
    """Absent or hidden. The message never says which, nor repeats more than the caller sent."""

    code = "NOT_FOUND"

    def __init__(self, message: str = "Nothing with this id is visible to you.") -> None:
        super().__init__(message)


class BadUserInput(TrailcastError):
    """An argument that the caller can mend. `path` leads from the field to the value."""

    code = "BAD_USER_INPUT"

    def __init__(self, message: str, path: Sequence[str | int] = ()) -> None:
        super().__init__(message)
        self.path = tuple(path)


class BadCursor(BadUserInput):
    """A cursor that this list did not give: altered, of another workspace or kind, or from the future."""

    code = "BAD_CURSOR"

    def __init__(
        self, message: str = "This cursor is not one of this list in this workspace: start again without it."
    ) -> None:
        super().__init__(message)


class CursorExpired(BadUserInput):
    """The log no longer holds what follows the cursor, so going on from it would skip events in silence."""

    code = "CURSOR_EXPIRED"

    def __init__(
        self,
        message: str = "Events after this cursor are no longer kept: read the list anew and follow from its newest cursor.",
    ) -> None:
        super().__init__(message)


class LimitExceeded(TrailcastError):
    """One caller holds as much of something as it may."""

    code = "LIMIT_EXCEEDED"


class RateLimited(TrailcastError):
    """One caller asks for more in a time than it may. Nothing was run; in `retry_after_s` seconds the same may pass."""

    code = "RATE_LIMITED"

    def __init__(self, reason: str, retry_after_s: float) -> None:
        super().__init__(f"{reason}: try again in {retry_after_s:.2f} s.")
        self.retry_after_s = retry_after_s


class Unavailable(TrailcastError):
    """The database cannot be reached, or a bound on waiting was met. Nothing is known to have happened; retry with a key.

    `reason` is for operators (`/readyz`), and not for callers.
    """

    code = "UNAVAILABLE"

    def __init__(
        self,
        message: str = "The log cannot be reached right now: try again in a moment.",
        *,
        reason: str = "PostgreSQL cannot be reached",
    ) -> None:
        super().__init__(message)
        self.reason = reason


class Unwritable(Unavailable):
    """The database answers and takes no writes: it is read-only, or short of disk or memory. Nothing was written."""

    def __init__(self, reason: str) -> None:
        message = (
            "The log takes no writes at the moment; nothing was written: try again later, with the same idempotencyKey."
        )
        super().__init__(message, reason=reason)


class ConfigurationError(TrailcastError):
    """A setting, a data directory or an installation that the server will not start with."""

    code = "CONFIGURATION"
