"""A way to a server that can fail like a network: it cuts, refuses, or swallows what is sent and says nothing."""

import asyncio
import contextlib
from types import TracebackType
from typing import Self

from sqlalchemy import make_url


class Proxy:
    """Listens on a port of the loopback and leads to the server of a URL: on a port, or PostgreSQL in a directory of sockets."""

    def __init__(self, url: str) -> None:
        self._target = make_url(url)
        self._writers: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._refusing = False
        self._silent = False
        self._swallowed: set[asyncio.StreamWriter] = set()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        return self

    async def __aexit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self._server.close()
        await self.cut()
        if self._tasks:
            await asyncio.wait(self._tasks)

    @property
    def url(self) -> str:
        """The same server, through here."""
        port = self._server.sockets[0].getsockname()[1]
        through = self._target.set(host="127.0.0.1", port=port, query={})
        return through.render_as_string(hide_password=False)

    @property
    def connections(self) -> int:
        """How many lead through here now."""
        return len(self._writers) // 2

    async def cut(self) -> None:
        """End every connection."""
        for writer in list(self._writers):
            writer.transport.abort()

    async def refuse(self) -> None:
        """End every connection, and let none in."""
        self._refusing = True
        await self.cut()

    def accept(self) -> None:
        self._refusing = False

    def swallow(self) -> None:
        """From now on nothing passes on the connections that there are; they stay open."""
        self._swallowed |= self._writers

    def fall_silent(self) -> None:
        """From now on nothing passes, on new connections neither: they are accepted and hear nothing."""
        self._silent = True
        self.swallow()

    def speak(self) -> None:
        """New connections are served again. What was sent meanwhile is lost, and so are those that sent it."""
        self._silent = False

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        if self._refusing:
            writer.transport.abort()
            return
        try:
            far_reader, far_writer = await self._reach()
        except OSError:  # the server is not there
            writer.transport.abort()
            return
        self._writers |= {writer, far_writer}
        if self._silent:
            self._swallowed |= {writer, far_writer}
        try:
            await asyncio.gather(self._copy(reader, far_writer), self._copy(far_reader, writer))
        finally:
            self._writers -= {writer, far_writer}

    async def _reach(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if "host" in self._target.query:
            host, port = str(self._target.query["host"]), str(self._target.query["port"])
            return await asyncio.open_unix_connection(f"{host}/.s.PGSQL.{port}")
        return await asyncio.open_connection(self._target.host, self._target.port)

    async def _copy(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(65_536):
                if writer not in self._swallowed:
                    writer.write(data)
                    await writer.drain()
        writer.close()
