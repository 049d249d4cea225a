"""How much of this process one caller may use: requests under way at once, requests a second, cost a second.

A rate is a token bucket: a burst after a rest, then so much a second. A caller is a principal in its workspace, or an address
where there is no credential. Each is looked up once per operation, and nothing here waits. The table is bounded: callers that are at
rest, whose buckets are full, are forgotten as others come; beyond `callers_max` those that were away longest, who then begin
with full buckets. Connections that stay open are counted elsewhere (`trailcast.doors.admission`).
"""

from collections import OrderedDict
from types import TracebackType
from typing import Self, TypeAlias

from trailcast.access.principal import Principal
from trailcast.clock import Monotonic
from trailcast.doors.proxies import network_of
from trailcast.errors import RateLimited
from trailcast.settings import Settings

AT_ONCE_RETRY_S = 1.0  # nobody knows when one of the requests under way ends; most take far less
ROUNDING_S = 1e-6  # of moments that are sums of many shares of a second

Key: TypeAlias = tuple[int, int] | str


class Rate:
    """So much a second, and so much at once after a rest. Zero a second is no limit."""

    __slots__ = ("_burst", "_burst_s", "_is_limited", "_refusal", "_share_s")

    def __init__(self, what: str, per_s: float, burst: int) -> None:
        self._is_limited = per_s > 0
        self._share_s = 1 / per_s if per_s else 0.0
        self._burst = burst
        self._burst_s = burst * self._share_s
        self._refusal = f"Too many {what}: {burst:,} at once and then {per_s:,g} a second are allowed"

    def take(self, amount: int, full_at: float, now: float) -> float:
        """The moment at which a bucket that was full at `full_at` is full again, if it gives this much now. Raises RateLimited.

        More than a bucket holds is given by a full one, and waited for afterwards: else it would never be given.
        """
        if not self._is_limited:
            return full_at
        after = max(full_at, now) + self._share_s * amount
        over_s = after - now - self._burst_s
        if over_s > ROUNDING_S:
            wait_s = over_s - self._share_s * max(amount - self._burst, 0)
            if wait_s > ROUNDING_S:
                raise RateLimited(self._refusal, wait_s)
        return after


class Allowance:
    """What one caller uses. As a context, one request that is under way."""

    __slots__ = ("_cost_full_at", "_requests_full_at", "_rules", "_running")

    def __init__(self, rules: "Allowances") -> None:
        self._rules = rules
        self._requests_full_at = self._cost_full_at = 0.0
        self._running = 0

    def begin(self) -> None:
        """Count an operation that begins. Raises RateLimited."""
        rules = self._rules
        self._requests_full_at = rules.requests.take(1, self._requests_full_at, rules.monotonic())

    def spend(self, cost: int) -> None:
        """Count what an operation costs, before it is run. Raises RateLimited."""
        rules = self._rules
        self._cost_full_at = rules.cost.take(cost, self._cost_full_at, rules.monotonic())

    def __enter__(self) -> Self:
        """Raises RateLimited."""
        if self._running >= self._rules.at_once_max:
            message = f"Too many requests at once: {self._rules.at_once_max:,} are allowed"
            raise RateLimited(message, AT_ONCE_RETRY_S)
        self._running += 1
        return self

    def __exit__(
        self, _type: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self._running -= 1

    def is_at_rest(self, now: float) -> bool:
        """Whether forgetting it would change nothing."""
        return not self._running and max(self._requests_full_at, self._cost_full_at) <= now


class Allowances:
    """All callers of one process."""

    def __init__(self, settings: Settings, monotonic: Monotonic) -> None:
        self.monotonic = monotonic
        self.requests = Rate("requests", settings.requests_per_s, settings.requests_burst)
        self.cost = Rate("fields", settings.cost_per_s, settings.cost_burst)
        self.at_once_max = settings.requests_per_principal_max
        self._callers_max = settings.callers_max
        self._known: OrderedDict[Key, Allowance] = OrderedDict()

    def of(self, principal: Principal | None, address: str | None) -> Allowance:
        """That of a principal or, where there is none, of whoever has this address."""
        # Numbers, because UUIDs are hashed and compared in Python.
        key: Key = (
            (principal.workspace.id.int, principal.actor.id.int) if principal is not None else network_of(address)
        )
        found = self._known.get(key)
        if found is None:
            self._forget()
            found = self._known[key] = Allowance(self)
        else:
            self._known.move_to_end(key)
        return found

    def __len__(self) -> int:
        return len(self._known)

    def _forget(self) -> None:
        """Make room for one more: the callers that were away longest come first."""
        now = self.monotonic()
        while self._known:
            oldest = next(iter(self._known.values()))
            if len(self._known) < self._callers_max and not oldest.is_at_rest(now):
                return
            self._known.popitem(last=False)
