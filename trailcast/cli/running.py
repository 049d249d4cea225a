"""`run`, `serve` and `demo`: the parts of a start in their order. Whatever was opened is closed again, in the reverse order."""

import asyncio
from contextlib import ExitStack

from trailcast.cli.database import Say, open_database
from trailcast.cli.demonstration import adding_events, load, recall
from trailcast.cli.serving import endpoint, listening, serve
from trailcast.cli.stopping import is_asked
from trailcast.cli.welcome import welcome
from trailcast.demo.handout import NAME
from trailcast.demo.live import keep_adding
from trailcast.errors import ConfigurationError
from trailcast.settings import Settings


def run_everything(settings: Settings, say: Say, show: Say, *, live: bool) -> None:
    """PostgreSQL, tables, demo, server. `say` is for progress, `show` for what people came for."""
    with listening(settings) as listener, open_database(settings, say, migrates=True) as url:
        address = endpoint(settings, listener.getsockname()[1])
        handout = load(url, settings, address, say) or recall(url, settings, address)
        with ExitStack() as stack:
            if live and handout is not None:
                stack.enter_context(adding_events(url, settings, handout))
            elif live:
                say(f"No live events: {_without_handout(settings)}")
            show(welcome(address, str(settings.data_dir), handout))
            serve(settings, listener, url, settings.workers)


def serve_only(settings: Settings, say: Say, show: Say) -> None:
    with listening(settings) as listener, open_database(settings, say) as url:
        show(f"Serving {endpoint(settings, listener.getsockname()[1]).http}")
        serve(settings, listener, url, settings.workers)


def demo(settings: Settings, say: Say, *, live: bool) -> None:
    """Load the demo, or with `live` keep adding to one that is there. Raises ConfigurationError where neither can be."""
    with open_database(settings, say) as url:
        handout = load(url, settings, endpoint(settings, settings.port), say)
        if handout is not None:
            say(f"The tokens are in {settings.data_dir / NAME}")
        elif not live:
            raise ConfigurationError(
                "This database holds workspaces already, and the demo is loaded into an empty one only: set "
                "TRAILCAST_DATA_DIR or TRAILCAST_DATABASE_URL to another, or add events to a loaded demo with --live."
            )
        if live:
            known = handout or recall(url, settings)
            if known is None:
                raise ConfigurationError(_without_handout(settings))
            say("Adding an event every second or so; Ctrl-C ends it")
            asyncio.run(keep_adding(url, settings, known, is_asked))


def _without_handout(settings: Settings) -> str:
    return f"{settings.data_dir / NAME} does not hold the tokens of a demo in this database, and live events need them."
