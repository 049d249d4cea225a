"""`/livez`: the process answers. `/readyz`: it can serve, with each condition by name for the operator who wonders why not."""

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from trailcast.doors.services import Services
from trailcast.errors import TrailcastError
from trailcast.ledger.migrating import newest_revision, read_revision


class Health:
    """The two probes. They need no credential and tell nothing of any workspace."""

    def __init__(self, services: Services) -> None:
        self._services = services

    async def live(self, _request: Request) -> Response:
        return JSONResponse({"status": "ok"})

    async def ready(self, _request: Request) -> Response:
        leaving = self._services.lifecycle.is_leaving
        checks = {"lifecycle": "leaving" if leaving else "ok", "database": "ok", "migrations": "ok"}
        try:
            async with self._services.database.reading() as connection:
                revision = await read_revision(connection)
            if revision != newest_revision():
                checks["migrations"] = (
                    f"the database is at {revision}, this version needs {newest_revision()}: run migrate"
                )
        except TrailcastError as error:
            checks["database"] = error.message
            checks["migrations"] = "unknown"
        ready = all(value == "ok" for value in checks.values())
        # Without its bell a process still serves, a little later, by its tick: worth saying, no reason to send traffic elsewhere.
        checks["doorbell"] = self._services.bell.state
        return JSONResponse({"status": "ok" if ready else "unavailable", "checks": checks}, 200 if ready else 503)
