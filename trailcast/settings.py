"""Every knob: its name, unit, default and bounds. Read once from the environment; nothing else reads it, but `tail` its token.

A name in the environment is `TRAILCAST_` + the field in capitals; `HOST` and `PORT` are accepted bare as well, because that is
what process managers set. `docs/settings.md` shows the same table and a test compares the two. A value out of bounds stops the
start with a sentence that names the setting and what it may be.
"""

import os
from functools import cache
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Literal, Self
from uuid import UUID

from pydantic import AliasChoices, Field, SecretStr, ValidationError, model_validator
from pydantic_core import PydanticCustomError
from pydantic_settings import BaseSettings, SettingsConfigDict

from trailcast.errors import ConfigurationError
from trailcast.sign_in_checks import PUBLIC_KEY_ALGORITHMS, SECRET_ALGORITHMS, find_sign_in_problem

PREFIX = "TRAILCAST_"


class Settings(BaseSettings):
    """The settings of one process, immutable after they were read."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, frozen=True, extra="ignore", populate_by_name=True, hide_input_in_errors=True
    )

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
    access_pool_size: int = Field(
        3, ge=1, le=100, description="Connections that one process holds for looking up who calls."
    )
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
    count_look_at_max: int = Field(2000, ge=0, le=1_000_000, description="Events that one `totalCount` may look at.")
    filter_values_max: int = Field(200, ge=1, le=10_000, description="Most values in one list of a filter.")
    buckets_max: int = Field(10_000, ge=1, le=100_000, description="Most points in one series of metrics.")
    breakdown_max: int = Field(200, ge=1, le=1000, description="Most rows of a breakdown or of a trail's contributors.")
    viewer_boards_max: int = Field(
        1000, ge=1, le=10_000, description="Most boards that `viewer` lists; `boards` pages beyond."
    )
    rollup_lag_events: int = Field(10_000, ge=1, le=1_000_000, description="Events that make another roll-up due.")
    rollup_chunk_events: int = Field(10_000, ge=100, le=200_000, description="Most events rolled up at once.")
    rollup_tick_s: float = Field(30, ge=0.05, le=3600, description="Pause between looks for due roll-ups, in seconds.")

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
    group_bytes_max: int = Field(
        4_194_304, ge=1, le=1_073_741_824, description="Most bytes that share one commit (a larger batch goes alone)."
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

    # -- sign-in by JWT
    jwt_jwks: str = Field(
        "",
        description="Where the public keys of JWTs are: `https://…` of a JWKS (`http://` on this host only), or the path of a file.",
    )
    jwt_secret: SecretStr | None = Field(
        None, description="Secret that JWTs are signed with (HS256) where there is no JWKS; 32 bytes or more."
    )
    jwt_issuer: str = Field("", description="The `iss` that a JWT must have. Needed for sign-in by JWT.")
    jwt_audience: str = Field("", description="The `aud` that a JWT must have. Needed for sign-in by JWT.")
    jwt_algorithms: str = Field(
        "",
        description="Algorithms that count, separated by commas. Unset: `RS256,ES256,EdDSA` with a JWKS, `HS256` with a secret.",
    )
    jwt_leeway_s: int = Field(
        30, ge=0, le=300, description="How far the issuer's clock may be from this host's, in seconds."
    )
    jwt_bytes_max: int = Field(8192, ge=256, le=65_536, description="Largest JWT, in bytes.")
    jwt_jwks_ttl_s: int = Field(
        300, ge=1, le=86_400, description="How long keys are used before the JWKS is read again, in seconds."
    )
    jwt_jwks_retry_s: int = Field(
        10,
        ge=1,
        le=3600,
        description="Least pause between two readings of the JWKS (for a key that is not known, or after a failure), in seconds.",
    )
    jwt_jwks_stale_s: int = Field(
        3600,
        ge=0,
        le=604_800,
        description="How long keys are used beyond that while the JWKS cannot be read, in seconds.",
    )
    jwt_jwks_timeout_s: float = Field(
        3, ge=0.1, le=30, description="Longest reading of the JWKS, redirects included, in seconds."
    )
    jwt_jwks_bytes_max: int = Field(
        262_144, ge=1024, le=4_194_304, description="Largest JWKS, in bytes, its HTTP headers included."
    )
    jwt_create_users_in: UUID | None = Field(
        None,
        description="Workspace in which a person who is unknown and comes by JWT is made a user without a membership. Unset: in none.",
    )

    # -- sign-in by any credential
    sign_in_failures_max: int = Field(
        60,
        ge=1,
        le=1_000_000,
        description="Sign-ins from one client address that may fail in a window; further ones are `RATE_LIMITED`, good ones never.",
    )
    sign_in_failures_window_s: float = Field(60, ge=1, le=86_400, description="That window, in seconds.")
    sign_in_cache_ms: int = Field(
        500,
        ge=0,
        le=800,
        description="How long what was found for a credential serves further requests, in milliseconds, unless the doorbell says that "
        "access changed: the bound by which a right that ended is gone where no bell is heard. 0 looks up for every request.",
    )
    trusted_proxies: str = Field(
        "",
        description="Proxies whose `X-Forwarded-For` is believed: addresses and networks, separated by commas. Unset: none.",
    )

    # -- documents
    document_bytes_max: int = Field(262_144, ge=1024, le=4_194_304, description="Largest document, in bytes of UTF-8.")
    document_tokens_max: int = Field(
        1000, ge=200, le=100_000, description="Most words, numbers, texts, comments and signs in a document."
    )
    document_words_length_max: int = Field(
        49_152,
        ge=1024,
        le=4_194_304,
        description="Most characters in words, texts and comments of a document, all together.",
    )
    document_nesting_max: int = Field(50, ge=20, le=100, description="Deepest nesting of brackets, in levels.")
    document_depth_max: int = Field(
        10, ge=1, le=50, description="Deepest selection, in levels of fields; introspection left out."
    )
    document_fields_max: int = Field(
        500, ge=300, le=100_000, description="Most fields and fragments that a document selects, fragments expanded."
    )
    document_repeats_max: int = Field(
        15, ge=1, le=1000, description="How often one field may be selected in one place, fragments expanded."
    )
    document_aliases_max: int = Field(
        15, ge=0, le=10_000, description="Most aliases in one operation, fragments expanded."
    )
    document_directives_max: int = Field(
        10, ge=0, le=10_000, description="Most directives in one operation, fragments expanded."
    )
    document_root_fields_max: int = Field(10, ge=1, le=1000, description="Most root fields in one operation.")
    document_cost_max: int = Field(
        50_000,
        ge=1000,
        le=1_000_000_000,
        description="Most fields that one operation may answer: each times the sizes of the lists that it is in.",
    )
    number_digits_max: int = Field(100, ge=20, le=4000, description="Longest number in a document, in characters.")
    variables_depth_max: int = Field(32, ge=1, le=200, description="Deepest nesting of variables, in levels.")
    variables_values_max: int = Field(
        100_000, ge=1, le=10_000_000, description="Most values in the variables of one request, nested ones included."
    )

    # -- the door
    request_bytes_max: int = Field(4_194_304, ge=1024, le=67_108_864, description="Largest request body, in bytes.")
    large_bodies_bytes_max: int = Field(
        1_048_576,
        ge=65_536,
        le=1_073_741_824,
        description="Most bytes of bodies over 32 KiB in work at once; others wait.",
    )
    request_head_bytes_max: int = Field(
        65_536, ge=8192, le=1_048_576, description="Largest head of an HTTP request, its address included, in bytes."
    )
    request_timeout_s: float = Field(
        10,
        ge=0.1,
        le=600,
        description="Longest request, and longest beginning of a subscription, in seconds; the head of a request has as long.",
    )
    requests_per_principal_max: int = Field(
        256,
        ge=1,
        le=1_000_000,
        description="Requests of one caller that are under way at once in one process; subscriptions are not counted.",
    )
    requests_per_s: float = Field(
        2000,
        ge=0,
        le=1_000_000,
        description="Operations that one caller may begin in one process in a second, over time; 0 for no limit.",
    )
    requests_burst: int = Field(
        4000, ge=1, le=10_000_000, description="Operations that one caller may begin at once after a rest."
    )
    cost_per_s: float = Field(
        1_000_000,
        ge=0,
        le=1_000_000_000,
        description="Cost of the operations of one caller in one process in a second, over time; 0 for no limit.",
    )
    cost_burst: int = Field(
        2_000_000,
        ge=1000,
        le=1_000_000_000,
        description="Cost of the operations that one caller may begin at once after a rest.",
    )
    callers_max: int = Field(
        10_000,
        ge=1,
        le=1_000_000,
        description="Callers whose use one process remembers; those that were away longest are forgotten first.",
    )
    queries_by_get: bool = Field(False, description="Whether queries may come by GET; mutations never may.")
    allowed_origins: str = Field(
        "",
        description="Origins whose pages may call, separated by commas; `*` for any. Unset: pages of this server alone.",
    )
    explorer: bool = Field(False, description="Whether browsers get GraphiQL; `run` switches it on where it is unset.")
    headless: bool = Field(False, description="Whether browsers get no pages at all, neither the console nor GraphiQL.")
    introspection: bool = Field(True, description="Whether the schema may be asked for; anonymous callers too.")

    @property
    def origins(self) -> list[str]:
        """`allowed_origins`, taken apart."""
        return _listed(self.allowed_origins)

    @property
    def algorithms(self) -> tuple[str, ...]:
        """Those of JWTs that count."""
        return tuple(_listed(self.jwt_algorithms)) or (PUBLIC_KEY_ALGORITHMS if self.jwt_jwks else SECRET_ALGORITHMS)

    @property
    def proxies(self) -> list[IPv4Network | IPv6Network]:
        """`trusted_proxies`, taken apart. Raises ValueError."""
        return [ip_network(text) for text in _listed(self.trusted_proxies)]

    @model_validator(mode="after")
    def _check_proxies(self) -> Self:
        try:
            _ = self.proxies
        except ValueError as error:
            problem = f"{_environment('trusted_proxies')} may hold addresses and networks: {error}."
            raise PydanticCustomError("proxies", "{problem}", {"problem": problem}) from None
        return self

    @model_validator(mode="after")
    def _check_sign_in(self) -> Self:
        problem = find_sign_in_problem(self)
        if problem is not None:
            raise PydanticCustomError("sign_in", "{problem}", {"problem": problem})
        return self


def _listed(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


def _environment(field: str) -> str:
    return PREFIX + field.upper()


@cache
def field_names() -> dict[str, str]:
    """Each setting's name in the environment, by field."""
    return {field: _environment(field) for field in Settings.model_fields}


def load_settings(**overrides: object) -> Settings:
    """Read the environment; `overrides` (from the command line) win.

    Raises ConfigurationError with one sentence per wrong setting.
    """
    try:
        return Settings(**overrides)  # type: ignore[arg-type]
    except ValidationError as error:
        sentences = []
        for problem in error.errors(include_url=False):
            if not problem["loc"]:  # of several settings together
                sentences.append(problem["msg"])
                continue
            where = str(problem["loc"][0])
            name = where if where.isupper() else field_names().get(where, where)
            # Of a setting with two names, the one that was set.
            if name not in os.environ and name.removeprefix(PREFIX) in os.environ:
                name = name.removeprefix(PREFIX)
            sentences.append(f"{name} is {problem['input']!r}: {problem['msg']}.")
        raise ConfigurationError(" ".join(sentences)) from error
