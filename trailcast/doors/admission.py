"""How many live connections one principal holds in this process, sockets and event streams alike."""

from collections import Counter
from uuid import UUID

from trailcast.access.principal import Principal


class Admission:
    """One per process. The bound is the setting `sockets_per_principal_max`."""

    def __init__(self, per_principal_max: int) -> None:
        self._most = per_principal_max
        self._open: Counter[tuple[UUID, UUID]] = Counter()

    @property
    def refusal(self) -> str:
        return f"{self._most} live connections are open in your name: close one"

    def enter(self, principal: Principal) -> bool:
        """Count a connection of this principal; False where it has as many as it may."""
        key = principal.workspace.id, principal.actor.id
        if self._open[key] >= self._most:
            return False
        self._open[key] += 1
        return True

    def exit(self, principal: Principal) -> None:
        """A connection that was counted is gone."""
        key = principal.workspace.id, principal.actor.id
        self._open[key] -= 1
        if not self._open[key]:
            del self._open[key]
