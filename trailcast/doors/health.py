"""`/livez`: the process answers. `/readyz`: it can serve, with each condition by name for the operator who wonders why not.

Not ready (503) is a process to which nobody should be sent: it leaves, or it can answer no question. One that can still be read
from is ready, with status `degraded` where writes would fail: its peers have the same database, and without any there is nothing
to read from either.
"""

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from trailcast.doors.services import Services
from trailcast.ledger.condition import OK, Condition


class Health:
    """The two probes. They need no credential and tell nothing of any workspace."""

    def __init__(self, services: Services, condition: Condition) -> None:
        self._services = services
        self._condition = condition

    async def live(self, _request: Request) -> Response:
        return JSONResponse({"status": OK})

    async def ready(self, _request: Request) -> Response:
        leaving = self._services.lifecycle.is_leaving
        seen = await self._condition.look()
        checks = {"lifecycle": "leaving" if leaving else OK, **seen.checks}
        is_ready = seen.is_readable and not leaving
        status = "unavailable" if not is_ready else OK if set(checks.values()) == {OK} else "degraded"
        # Without its bell a process serves as well, a little later, by its tick: worth saying, and no more.
        checks["doorbell"] = self._services.bell.state
        return JSONResponse({"status": status, "checks": checks}, 200 if is_ready else 503)
