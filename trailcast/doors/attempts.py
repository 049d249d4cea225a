"""How often sign-ins from one address may fail. Good ones are never counted, nor refused: an address is many people's.

So nothing is asked here before a credential was looked up, and a limited address costs the server as much as any other. What the
limit does is to end guessing in the dark: beyond it a bad credential is told from nothing else, and told to slow down, and one line in
the log says where from. Of a secret of 256 bits nobody guesses anything; whoever sees the line may close the address elsewhere.
"""

import logging
from collections import OrderedDict

from trailcast.clock import Monotonic
from trailcast.doors.allowances import Rate
from trailcast.doors.proxies import network_of
from trailcast.errors import RateLimited
from trailcast.settings import Settings

logger = logging.getLogger(__name__)


class Attempts:
    """The failures of one process, by address: a bucket each, which fills again. Remembered are as many as of other callers."""

    def __init__(self, settings: Settings, monotonic: Monotonic) -> None:
        most = settings.sign_in_failures_max
        self._rate = Rate("failed sign-ins", most / settings.sign_in_failures_window_s, most)
        self._addresses_max = settings.callers_max
        self._monotonic = monotonic
        self._full_at: OrderedDict[str, float] = OrderedDict()
        self._limited: set[str] = set()

    def __len__(self) -> int:
        return len(self._full_at)

    def fail(self, address: str | None) -> None:
        """Count a sign-in that failed. Raises RateLimited where there were too many."""
        key, now = network_of(address), self._monotonic()
        full_at = self._full_at.pop(key, now)
        try:
            self._full_at[key] = self._rate.take(1, full_at, now)
        except RateLimited:
            self._full_at[key] = full_at
            if key not in self._limited:
                self._limited.add(key)
                logger.warning("sign-ins from %s fail too often: they are refused with RATE_LIMITED", key)
            raise
        self._limited.discard(key)
        if len(self._full_at) > self._addresses_max:
            self._limited.discard(self._full_at.popitem(last=False)[0])
