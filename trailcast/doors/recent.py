"""Who signed in a moment ago, so that a caller is looked up a few times a second and not for every request.

What counts for a request is what was found for the same headers within the last `ttl_s`, unless the doorbell said meanwhile that
access changed in that workspace: then it is forgotten at once. A bell may be lost, so the time is also the bound by which a right that
ended is gone. A look-up that was under way when a bell rang may have seen what was before, and is not kept. Kept is what counts, never
a failure; under the SHA-256 of the headers, so that no secret stays in memory longer than its request.
"""

import hashlib
from collections import OrderedDict
from collections.abc import Iterable
from typing import NamedTuple
from uuid import UUID

from trailcast.access.principal import Presented, Principal
from trailcast.clock import Clock, Monotonic

PRESENTED = frozenset({b"authorization", b"x-agent-token", b"x-workspace"})


class SignedIn(NamedTuple):
    """A credential that counts, and for whom."""

    credentials: Presented
    principal: Principal


class _Kept(NamedTuple):
    signed_in: SignedIn
    until: float


class RecentSignIns:
    """Those of one process. As an ear of the doorbell it hears of changes."""

    def __init__(self, ttl_s: float, kept_max: int, clock: Clock, monotonic: Monotonic) -> None:
        self._ttl_s = ttl_s
        self._kept_max = kept_max
        self._clock = clock
        self._monotonic = monotonic
        self._kept: OrderedDict[bytes, _Kept] = OrderedDict()
        self._changes = 0

    def key_of(self, headers: Iterable[tuple[bytes, bytes]]) -> bytes | None:
        """What these headers are known by; None where they present nothing, or nothing is kept."""
        presented = [line for line in headers if line[0] in PRESENTED]
        if not presented or not self._ttl_s:
            return None
        # Lengths, so that no two lists of headers make the same text.
        text = b"".join([b"%d %d %b%b" % (len(name), len(value), name, value) for name, value in presented])
        return hashlib.sha256(text).digest()

    def find(self, key: bytes) -> SignedIn | None:
        """Who signed in with this a moment ago, if that still counts."""
        kept = self._kept.get(key)
        if kept is None:
            return None
        expires_at = kept.signed_in.principal.expires_at
        if kept.until <= self._monotonic() or (expires_at is not None and expires_at <= self._clock()):
            del self._kept[key]
            return None
        return kept.signed_in

    def __len__(self) -> int:
        return len(self._kept)

    @property
    def changes(self) -> int:
        """How often anything has changed: to be asked before a look-up and handed to `keep` after it."""
        return self._changes

    def keep(self, key: bytes, signed_in: SignedIn, changes: int) -> None:
        """Remember what a look-up found, if nothing has changed since before it."""
        if changes == self._changes:
            self._kept[key] = _Kept(signed_in, self._monotonic() + self._ttl_s)
            self._kept.move_to_end(key)
            if len(self._kept) > self._kept_max:
                self._kept.popitem(last=False)

    # -- what the doorbell says

    def heard_log(self, _workspace_id: UUID, _sequence: int) -> None:
        """Nothing: an event changes no rights."""

    def heard_access(self, workspace_id: UUID) -> None:
        """Rights have changed in this workspace."""
        self._changes += 1
        for key, kept in list(self._kept.items()):
            if kept.signed_in.principal.workspace.id == workspace_id:
                del self._kept[key]

    def heard_resync(self) -> None:
        """Bells may have been lost."""
        self._changes += 1
        self._kept.clear()
