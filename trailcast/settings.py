"""Every knob: its name, unit, default and bounds. Read once from the environment; nothing else reads it, but `tail` its token.

A name in the environment is `TRAILCAST_` + the field in capitals; `HOST` and `PORT` are accepted bare as well, because that is
what process managers set. `docs/settings.md` shows the same table and a test compares the two. A value out of bounds stops the
start with a sentence that names the setting and what it may be.
"""

import os
from functools import cache
from pathlib import Path
from typing import Literal

from pydantic import AliasChoices, Field, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from trailcast.errors import ConfigurationError

PREFIX = "TRAILCAST_"


class Settings(BaseSettings):
    """The settings of one process, immutable after they were read."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, frozen=True, extra="ignore", populate_by_name=True)

    # -- where it runs
    host: str = Field(
        "127.0.0.1", validation_alias=AliasChoices("TRAILCAST_HOST", "HOST"), description="Address to listen on."
    )
    port: int = Field(
        8000,
        ge=0,
        le=65535,
        validation_alias=AliasChoices("TRAILCAST_PORT", "PORT"),
        description="TCP port to listen on; 0 takes a free one.",
    )
    workers: int = Field(1, ge=1, le=64, description="Server processes that share the port.")
    data_dir: Path = Field(
        Path(".trailcast"), description="Directory of the embedded PostgreSQL, its log and `demo.json`."
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="Least severe line that is logged."
    )

    # -- the database
    database_url: str | None = Field(
        None, description="`postgresql://…` of a PostgreSQL 14 or later. Unset: the embedded PostgreSQL 18 is used."
    )
    pool_size: int = Field(10, ge=1, le=500, description="Connections that one process holds for reading.")
    writer_pool_size: int = Field(4, ge=1, le=100, description="Connections that one process holds for writing.")
    pool_timeout_ms: int = Field(
        3000, ge=100, le=60_000, description="Longest wait for a free connection, in milliseconds."
    )
    statement_timeout_ms: int = Field(
        5000, ge=100, le=600_000, description="Longest single statement, in milliseconds."
    )
    lock_timeout_ms: int = Field(4000, ge=100, le=600_000, description="Longest wait for a lock, in milliseconds.")

    # -- reading
    page_size_default: int = Field(
        50, ge=1, le=1000, description="Items on a page when neither `first` nor `last` is given."
    )
    page_size_max: int = Field(200, ge=1, le=1000, description="Most items on one page.")
    offset_max: int = Field(10_000, ge=0, le=100_000, description="Largest `offset`; beyond it, cursors.")
    count_max: int = Field(10_000, ge=1, le=1_000_000, description="Where `totalCount` stops counting.")
    filter_values_max: int = Field(200, ge=1, le=10_000, description="Most values in one list of a filter.")
    buckets_max: int = Field(10_000, ge=1, le=100_000, description="Most points in one series of metrics.")
    breakdown_max: int = Field(200, ge=1, le=1000, description="Most rows of a breakdown or of a trail's contributors.")
    viewer_boards_max: int = Field(
        1000, ge=1, le=10_000, description="Most boards that `viewer` lists; `boards` pages beyond."
    )

    # -- writing
    message_bytes_max: int = Field(16_384, ge=1, le=1_048_576, description="Largest `message`, in bytes of UTF-8.")
    metadata_bytes_max: int = Field(32_768, ge=2, le=1_048_576, description="Largest `metadata`, in bytes of JSON.")
    metadata_depth_max: int = Field(
        8, ge=1, le=64, description="Deepest nesting in `metadata` and in a change, in levels."
    )
    changes_max: int = Field(200, ge=0, le=10_000, description="Most entries in `changes`.")
    changes_bytes_max: int = Field(32_768, ge=2, le=1_048_576, description="Largest `changes`, in bytes of JSON.")
    batch_events_max: int = Field(1000, ge=1, le=10_000, description="Most events in one `logActivities`.")
    sync_rows_max: int = Field(1000, ge=1, le=10_000, description="Most rows in one `syncDirectory`.")
    group_events_max: int = Field(
        1000, ge=1, le=10_000, description="Most events that share one commit (a larger batch goes alone)."
    )
    writers_waiting_max: int = Field(
        10_000,
        ge=1,
        le=1_000_000,
        description="Most calls that wait for a commit in one process; more are `UNAVAILABLE`.",
    )
    store_client_address: bool = Field(
        False, description="Whether the IP address and user agent of a writer are stored with its events."
    )

    # -- the live feed
    broadcast_url: str | None = Field(
        None,
        description="The doorbell between processes: `redis://…` (Valkey too), `rediss://…`, `nats://…`. Unset: PostgreSQL's own.",
    )
    tick_ms: int = Field(
        800,
        ge=50,
        le=60_000,
        description="How often a process looks at the log and at access unasked, in milliseconds.",
    )
    feed_items_max: int = Field(
        256, ge=1, le=100_000, description="Items queued for one subscription before it reads the log."
    )
    feed_bytes_max: int = Field(
        1_048_576, ge=1024, le=1_073_741_824, description="Bytes queued for one subscription before it reads the log."
    )
    feed_page_size: int = Field(200, ge=1, le=10_000, description="Events that a feed reads from the log at once.")
    subscriptions_max: int = Field(
        10_000, ge=1, le=1_000_000, description="Subscriptions that one process runs at once."
    )
    subscriptions_per_socket_max: int = Field(20, ge=1, le=1000, description="Operations that one socket runs at once.")
    sockets_per_principal_max: int = Field(
        100, ge=1, le=1_000_000, description="Sockets that one principal holds open in one process."
    )
    socket_lifetime_s: float = Field(
        86_400, ge=1, le=2_592_000, description="Age at which a socket is closed with 4410, in seconds."
    )
    socket_stall_s: float = Field(
        10, ge=0.1, le=600, description="How long a reader may take nothing before it is closed with 4410, in seconds."
    )
    socket_ping_s: float = Field(15, ge=0.1, le=600, description="Pause between two pings of a socket, in seconds.")
    socket_pong_s: float = Field(
        20,
        ge=0.1,
        le=600,
        description="How long a socket may leave a ping unanswered before it is closed with 4410, in seconds.",
    )
    socket_init_s: float = Field(
        5, ge=0.1, le=60, description="How long a socket may wait with `connection_init`, in seconds."
    )
    socket_message_bytes_max: int = Field(
        65_536, ge=1024, le=16_777_216, description="Largest message of a socket, in bytes."
    )
    socket_buffer_bytes: int = Field(
        262_144,
        ge=4096,
        le=16_777_216,
        description="Send buffer that the kernel keeps for one connection, in bytes.",
    )
    peer_timeout_s: float = Field(
        30,
        ge=1,
        le=600,
        description="How long sent bytes may stay unacknowledged before a connection is dropped, in seconds (Linux).",
    )
    leaving_s: float = Field(
        8, ge=0, le=600, description="How long a process that was told to stop lets its sockets finish, in seconds."
    )

    # -- the door
    request_bytes_max: int = Field(
        4_194_304, ge=1024, le=67_108_864, description="Largest HTTP request body, in bytes."
    )
    allowed_origins: str = Field(
        "",
        description="Origins whose pages may call, separated by commas; `*` for any. Unset: pages of this server alone.",
    )
    explorer: bool = Field(True, description="Whether browsers get GraphiQL at `/graphql`.")
    introspection: bool = Field(True, description="Whether the schema may be asked for; anonymous callers too.")

    @property
    def origins(self) -> list[str]:
        """`allowed_origins`, taken apart."""
        return [origin.strip() for origin in self.allowed_origins.split(",") if origin.strip()]


@cache
def field_names() -> dict[str, str]:
    """Each setting's name in the environment, by field."""
    return {field: PREFIX + field.upper() for field in Settings.model_fields}


def load_settings(**overrides: object) -> Settings:
    """Read the environment; `overrides` (from the command line) win.

    Raises ConfigurationError with one sentence per wrong setting.
    """
    try:
        return Settings(**overrides)  # type: ignore[arg-type]
    except ValidationError as error:
        sentences = []
        for problem in error.errors(include_url=False):
            where = str(problem["loc"][0])
            name = where if where.isupper() else field_names().get(where, where)
            # Of a setting with two names, the one that was set.
            if name not in os.environ and name.removeprefix(PREFIX) in os.environ:
                name = name.removeprefix(PREFIX)
            sentences.append(f"{name} is {problem['input']!r}: {problem['msg']}.")
        raise ConfigurationError(" ".join(sentences)) from error
