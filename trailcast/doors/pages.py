"""The pages for browsers: the console at `/`, GraphiQL at `/explorer` and `/graphql`, and the files that they load.

They are built from `web/` into `build/web/` and are nothing but clients of the API, which does not need them: where they are switched
off or were never built, their addresses say so and what to do. A page may load what this server has, and nothing else; its policy
names exactly what its parts need. Files have a hash of their content in their names, so a browser keeps them for ever.
"""

import re
from pathlib import Path

from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, Response
from starlette.routing import Route

from trailcast.settings import Settings

BUILT = Path(__file__).parents[2] / "build/web"
ASSET = re.compile(r"[\w.-]+-[0-9A-Z]{8}(?:\.(?P<kind>js|css|ttf|woff2|svg)|\.(?:js|css)\.LEGAL\.txt)", re.ASCII)
KINDS = {
    "js": "text/javascript; charset=utf-8",
    "css": "text/css; charset=utf-8",
    "ttf": "font/ttf",
    "woff2": "font/woff2",
    "svg": "image/svg+xml",
    None: "text/plain; charset=utf-8",
}
FOR_EVER = "public, max-age=31536000, immutable"

_EVERY_PAGE = (
    "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "  # as in every answer, and
    "script-src 'self'; connect-src 'self'; "
)
# The console makes no HTML out of text, in its own code or in what it uses: the browser would refuse it.
CONSOLE_POLICY = _EVERY_PAGE + (
    "style-src 'self'; font-src 'self'; img-src 'self'; require-trusted-types-for 'script'; trusted-types 'none'"
)
# GraphiQL's editor writes its styles into elements as it runs, draws icons from addresses with data, and has workers.
EXPLORER_POLICY = _EVERY_PAGE + (
    "style-src 'self' 'unsafe-inline'; img-src 'self' data:; font-src 'self' data:; worker-src 'self'"
)

_NOTE = """<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><title>Trailcast</title></head>
<body><h1>Trailcast</h1><p>{}</p><p>The API is at <code>/graphql</code>.</p></body>
</html>
"""
HEADLESS = "This server has no pages: it was started headless (<code>TRAILCAST_HEADLESS=true</code>)."
NO_EXPLORER = "GraphiQL is switched off on this server: start it with <code>TRAILCAST_EXPLORER=true</code> to have it."
NOT_BUILT = "The pages have not been built yet: run <code>scripts/build-web</code> on the server and load this again."


class Pages:
    """What browsers get of one server."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._folder = BUILT

    @property
    def routes(self) -> list[Route]:
        return [
            Route("/", self.console, methods=["GET"]),
            Route("/explorer", self.explorer, methods=["GET"]),
            Route("/favicon.svg", self.icon, methods=["GET"]),
            Route("/assets/{name}", self.asset, methods=["GET"]),
        ]

    async def console(self, request: Request) -> Response:  # noqa: ARG002 - an endpoint
        return self._page("console", CONSOLE_POLICY)

    async def explorer(self, request: Request) -> Response:  # noqa: ARG002 - an endpoint
        if not (self._settings.explorer or self._settings.headless):
            return _note(404, NO_EXPLORER)
        return self._page("explorer", EXPLORER_POLICY)

    async def icon(self, request: Request) -> Response:  # noqa: ARG002 - an endpoint
        path = self._folder / "favicon.svg"
        if self._settings.headless or not path.is_file():
            return Response(status_code=404)
        return FileResponse(path, headers={"cache-control": "max-age=86400"}, media_type="image/svg+xml")

    async def asset(self, request: Request) -> Response:
        """A file under its hashed name, gzipped where the browser takes that. Other names are not looked for."""
        name = ASSET.fullmatch(request.path_params["name"])
        path = self._folder / "assets" / (name.string if name else "-")
        if name is None or self._settings.headless or not path.is_file():
            return Response("There is no such file: load the page again.", 404, media_type="text/plain")
        headers = {"cache-control": FOR_EVER, "vary": "accept-encoding"}
        if "gzip" in request.headers.get("accept-encoding", ""):
            path = path.with_name(f"{path.name}.gz")
            headers["content-encoding"] = "gzip"
        return FileResponse(path, headers=headers, media_type=KINDS[name["kind"]])

    def _page(self, name: str, policy: str) -> Response:
        if self._settings.headless:
            return _note(404, HEADLESS)
        try:
            # Read each time: it is small, and one that was built anew names other files.
            page = (self._folder / f"{name}.html").read_text("utf-8")
        except FileNotFoundError:
            return _note(503, NOT_BUILT)
        if self._settings.explorer:  # the console leads there only then
            page = page.replace('data-explorer="off"', 'data-explorer="on"', 1)
        return HTMLResponse(page, headers={"content-security-policy": policy})


def _note(status: int, sentence: str) -> Response:
    return HTMLResponse(_NOTE.format(sentence), status)
