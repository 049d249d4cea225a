"""What a refused sign-in leaves behind: an event in the log of the workspace that it was meant for, or the person in its directory.

Done behind the caller's back, when its answer is decided: it never waits, and what cannot be written is a line in the server's log
and no error. Only for tokens that are known and JWTs that were verified, so that nobody fills a log who knows nothing; and once a
minute for each token and address, or person, however often they come.
"""

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Callable, Coroutine
from typing import Any, TypeAlias
from uuid import UUID

from resolvers.context import ClientAddress
from resolvers.log import SYSTEM_NAME
from trailcast.access.principal import Failure, Identity, find_home
from trailcast.clock import Monotonic
from trailcast.doors.proxies import network_of
from trailcast.errors import TrailcastError
from trailcast.ledger.catalogue import action_of, category_of, outcome_of
from trailcast.ledger.database import Database
from trailcast.ledger.group import Writers
from trailcast.ledger.sync import add_user
from trailcast.records import Actor, ActorKind, EventDraft
from trailcast.settings import Settings

logger = logging.getLogger(__name__)

LOGIN_FAILED = "auth.login_failed"
OURSELVES = Actor(ActorKind.SYSTEM, UUID(int=0), SYSTEM_NAME)
EVERY_S = 60.0
REMEMBERED_MAX = 10_000  # tokens and addresses, of the last minute
RUNNING_MAX = 100

Work: TypeAlias = Callable[[], Coroutine[Any, Any, None]]


class FollowUps:
    """One per process. `close` it before what it writes with."""

    def __init__(self, database: Database, writers: Writers, settings: Settings, monotonic: Monotonic) -> None:
        self._database = database
        self._writers = writers
        self._settings = settings
        self._monotonic = monotonic
        self._done_at: OrderedDict[tuple[str, str], float] = OrderedDict()
        self._running: set[asyncio.Task[None]] = set()

    def note(self, failure: Failure, public_id: str, client: ClientAddress) -> None:
        """Have the workspace's log say that a sign-in failed."""
        if self._is_due((public_id, network_of(client.ip_address))):
            self._begin(lambda: self._write(failure, client))

    def note_stranger(self, identity: Identity) -> None:
        """Have the server's log say that a JWT was right and its person is no member; and the directory, where the setting says so."""
        home = self._settings.jwt_create_users_in
        if not self._is_due(("", identity.external_id)):
            return
        logger.info("a JWT was right, but its person is a member of no workspace, or not of the one that was asked for")
        if home is not None and identity.workspace_id in {None, home}:
            self._begin(lambda: self._create(home, identity.external_id))

    async def close(self) -> None:
        """Wait until all of it is done."""
        while self._running:
            await asyncio.wait(self._running)

    def _is_due(self, key: tuple[str, str]) -> bool:
        now, done_at = self._monotonic(), self._done_at
        # The oldest come first.
        while done_at and (len(done_at) >= REMEMBERED_MAX or next(iter(done_at.values())) <= now - EVERY_S):
            done_at.popitem(last=False)
        if key in done_at:
            return False
        done_at[key] = now
        return True

    def _begin(self, work: Work) -> None:
        if len(self._running) >= RUNNING_MAX:
            logger.warning("a refused sign-in was not noted: %d others wait to be", RUNNING_MAX)
            return
        task = asyncio.create_task(self._do(work), name="trailcast-follow-up")
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    @staticmethod
    async def _do(work: Work) -> None:
        try:
            await work()
        except TrailcastError as error:
            logger.warning("a refused sign-in could not be noted (%s)", error.code)
        except Exception:
            logger.exception("a refused sign-in could not be noted")

    async def _write(self, failure: Failure, client: ClientAddress) -> None:
        workspace_id, name = failure.workspace_id, failure.subject_name
        if workspace_id is None:
            async with self._database.looking_up() as connection:
                home = await find_home(connection, failure.subject_id)
            if home is None:
                return
            workspace_id, name = home
        client = client if self._settings.store_client_address else ClientAddress()
        draft = EventDraft(
            workspace_id=workspace_id,
            event_type=LOGIN_FAILED,
            category=category_of(LOGIN_FAILED),
            action=action_of(LOGIN_FAILED),
            outcome=outcome_of(LOGIN_FAILED),
            message=None,
            actor=OURSELVES,
            on_behalf_of=None,
            board_id=None,
            task_id=None,
            entity_type=failure.kind.value.lower(),
            entity_id=str(failure.subject_id),
            entity_name=name or None,
            changes=[],
            metadata={"reason": failure.fault.value},
            ip_address=client.ip_address,
            user_agent=client.user_agent,
            correlation_id=None,
            idempotency_key=None,
            content_sha256=None,
            occurred_at=None,
        )
        await self._writers.append([draft])

    async def _create(self, workspace_id: UUID, external_id: str) -> None:
        async with self._database.writing([workspace_id]) as connection:
            if await add_user(connection, workspace_id, external_id):
                logger.info("a person who came by JWT is a user now, without a membership")
