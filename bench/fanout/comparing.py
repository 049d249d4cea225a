"""All runs: for each number of subscribers every server in turn. The product's runs share one database."""

from collections.abc import AsyncGenerator, Callable, Sequence

from bench.fanout.ledger import Place, fill
from bench.fanout.machine import cpu_percent
from bench.fanout.measuring import Measured, measure
from bench.fanout.options import Options
from bench.fanout.subscribing import subscribed
from trailcast.ledger.migrating import migrate

Say = Callable[[str], None]


async def compare(
    url: str | None, names: Sequence[str], counts: Sequence[int], options: Options, say: Say
) -> AsyncGenerator[Measured]:
    """What comes out for each server with each number of subscribers. `url` is of an empty database, for the product."""
    place = await _place(url, options)
    for subscribers in counts:
        for name in names:
            say(f"{name}, {subscribers} subscribers…")
            yield await measure(name, subscribers, options, place)


async def rest(url: str | None, names: Sequence[str], subscribers: int, options: Options, say: Say) -> dict[str, float]:
    """What each server uses of a core, in per cent, with so many subscribers and nothing to deliver."""
    place = await _place(url, options)
    used = {}
    for name in names:
        say(f"{name}, {subscribers} subscribers, {options.idle_s:.0f} s at rest…")
        async with subscribed(name, subscribers, options, place) as audience:
            used[name] = await cpu_percent(audience.server.pid, options.idle_s)
    return used


async def _place(url: str | None, options: Options) -> Place | None:
    if url is None:
        return None
    await migrate(url)
    return await fill(url, options.boards)
