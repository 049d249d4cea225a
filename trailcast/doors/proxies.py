"""Where a call came from, where proxies stand before the server. The one place that believes `X-Forwarded-For`, and only whom it may.

Each proxy adds the address that it was called from at the right. So the chain is read from the right, from the peer of the connection
on, for as long as whoever reports is one of the trusted; the first other address is the client's. What stands left of it the client
may have written itself.
"""

from collections.abc import Iterable, Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import TypeAlias

Address: TypeAlias = IPv4Address | IPv6Address
CLIENT_PREFIX_BITS = 64  # of IPv6: what one customer gets, and may choose any address of


class Proxies:
    """The proxies that are trusted, by their networks."""

    def __init__(self, networks: Iterable[IPv4Network | IPv6Network]) -> None:
        self._networks = tuple(networks)

    def find_client(self, peer: str | None, forwarded: Sequence[str]) -> str | None:
        """The client's address. `forwarded` are the lines of `X-Forwarded-For`, in their order."""
        hop = _address(peer or "") if self._networks else None
        if hop is None:
            return peer
        before = [part for line in forwarded for part in line.split(",")]
        while before and any(hop in network for network in self._networks):
            reported = _address(before.pop())
            if reported is None:
                break
            hop = reported
        return str(hop)


def network_of(address: str | None) -> str:
    """What one client is told by: its IPv4 address, or the network that its IPv6 address is one of many in."""
    found = _address(address or "")
    if isinstance(found, IPv6Address):
        return str(ip_network((found, CLIENT_PREFIX_BITS), strict=False))
    return str(found or address or "")


def _address(text: str) -> Address | None:
    """The address, which may have a port; None for what is none."""
    text = text.strip()
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        # A zone (`%eth0`) means something on one host only, and holds any text.
        found = None if "%" in text else ip_address(text)
    except ValueError:
        return None
    return getattr(found, "ipv4_mapped", None) or found
