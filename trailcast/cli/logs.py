"""How this program logs: one format for its own lines and uvicorn's, to stderr. Said once here, for every process that serves.

Libraries speak from WARNING on, whatever the setting: at DEBUG, the websocket library writes frames and SQLAlchemy parameters,
and both hold tokens.
"""

from logging.config import dictConfig

from trailcast.settings import Settings

OURS = ("trailcast", "resolvers", "schema")


def configure_logging(settings: Settings) -> None:
    """For the whole process."""
    level = settings.log_level.upper()
    quiet = "ERROR" if level == "ERROR" else "WARNING"
    dictConfig(
        {
            "version": 1,
            "disable_existing_loggers": False,
            "formatters": {"line": {"format": "%(asctime)s %(levelname)s %(name)s: %(message)s"}},
            "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
            "root": {"level": quiet, "handlers": ["stderr"]},
            "loggers": {
                **{name: {"level": level} for name in OURS},
                # Stays switched off: to configure its parent alone would switch it on, and its lines hold whole documents.
                "uvicorn.access": {"handlers": [], "propagate": False},
                # That a worker died and was replaced is INFO there.
                "uvicorn": {"level": "INFO" if level in {"DEBUG", "INFO"} else level},
            },
        }
    )
