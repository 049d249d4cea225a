"""Which pages may call: those of this server, and those of the origins that a setting names. One rule for HTTP and for sockets.

Browsers name the origin of a page with whatever could do harm; programs name none and are not concerned. There are no cookies, so a
foreign page could bring no credential of its visitor anyway: this keeps it from using the visitor's network.
"""

from starlette.datastructures import Headers
from strawberry.http.websocket_origin import is_same_origin, normalize_allowed_origins, normalize_origin

from trailcast.settings import Settings


class Origins:
    """The rule of one server."""

    def __init__(self, settings: Settings) -> None:
        self._allowed = normalize_allowed_origins(settings.origins)

    def is_welcome(self, headers: Headers) -> bool:
        """Whether this does not come from a page of a foreign origin."""
        origin = headers.get("origin")
        if origin is None or "*" in self._allowed or is_same_origin(origin, headers.get("host")):
            return True
        return normalize_origin(origin) in self._allowed
