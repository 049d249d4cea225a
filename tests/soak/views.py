"""Who reads what: the callers, subscriptions and filters of the readers, each with the list that shows the same.

The list of a view, read by the same caller when all is over, says what its readers should have been sent. The views named
`.../everything` are the whole log of their workspace.
"""

from dataclasses import dataclass, field
from typing import Any

from tests.support.world import identity

EVERYTHING = "everything"
PAGE_SIZE = 200  # the most that a list gives at once


@dataclass(frozen=True)
class View:
    """`given` are the variables of its subscription and of its list."""

    workspace: str
    what: str
    caller: str
    comments: bool = False
    given: dict[str, Any] = field(default_factory=dict)

    @property
    def name(self) -> str:
        return f"{self.workspace}/{self.what}"

    def subscription(self, *, wide: bool) -> str:
        """`wide`: with what makes items large."""
        fields = "cursor id message" + (" metadata" if wide and not self.comments else "")
        if self.comments:
            return (
                "subscription ($after: String!, $boardId: ID) "
                f"{{ item: commentAdded(after: $after, boardId: $boardId) {{ {fields} }} }}"
            )
        return (
            "subscription ($after: String!, $filter: ActivityEventFilter) "
            f"{{ item: activityLogged(after: $after, filter: $filter) {{ {fields} }} }}"
        )

    @property
    def list(self) -> str:
        """A page of what follows a cursor, in the order of the log."""
        paging = f"direction: ASC, first: {PAGE_SIZE}, after: $after"
        if self.comments:
            return (
                f"query ($after: String!, $boardId: ID) {{ page: taskComments({paging}, boardId: $boardId) "
                "{ nodes { cursor id message } pageInfo { hasNextPage endCursor } } }"
            )
        return (
            f"query ($after: String!, $filter: ActivityEventFilter) {{ page: activityEvents({paging}, filter: $filter) "
            "{ nodes { cursor id message sequence } pageInfo { hasNextPage endCursor } } }"
        )


ACME = View("acme", EVERYTHING, "owner")
GLOBEX = View("globex", EVERYTHING, "globex_owner")
# In the order in which readers are given them, again from the start when all have been: eight readers see every kind.
VIEWS = (
    ACME,
    View("acme", "comments", "owner", comments=True),
    ACME,  # by the slow reader
    GLOBEX,
    View("acme", "what the member sees", "member"),
    View("acme", "comments on alpha", "member", comments=True, given={"boardId": identity("alpha")}),
    View("acme", "late ones, by text", "owner", given={"filter": {"text": "late"}}),
    View("acme", "what the agent sees", "bot"),
    View("globex", "comments", "globex_owner", comments=True),
    View("acme", "comments and nothing else, by type", "admin", given={"filter": {"eventType": ["task.comment"]}}),
)
SLOW_PLACE = 2
