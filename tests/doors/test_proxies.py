"""Whose word counts on where a call came from, and what of an address tells one client from another."""

from ipaddress import ip_network

import pytest

from trailcast.doors.proxies import Proxies, network_of
from trailcast.errors import ConfigurationError
from trailcast.settings import load_settings

TRUSTED = Proxies([ip_network("10.0.0.0/8"), ip_network("2001:db8:1::/48"), ip_network("192.0.2.1")])
CLIENT, LIE = "203.0.113.7", "198.51.100.9"


@pytest.mark.parametrize(
    ("peer", "forwarded", "client"),
    [
        (CLIENT, [], CLIENT),
        (CLIENT, [LIE], CLIENT),
        ("10.1.2.3", [], "10.1.2.3"),
        ("10.1.2.3", [CLIENT], CLIENT),
        ("10.1.2.3", [f"{LIE}, {CLIENT}"], CLIENT),
        ("10.1.2.3", [LIE, CLIENT], CLIENT),
        ("10.1.2.3", [f"{LIE}, {CLIENT}, 192.0.2.1 ,10.9.9.9"], CLIENT),
        ("10.1.2.3", ["10.4.4.4, 10.9.9.9"], "10.4.4.4"),
        ("192.0.2.2", [CLIENT], "192.0.2.2"),
        ("2001:db8:1::5", ["2001:db8:ffff::1"], "2001:db8:ffff::1"),
        ("::ffff:10.1.2.3", [f"::ffff:{CLIENT}"], CLIENT),
        ("10.1.2.3", [f"{CLIENT}:4711"], CLIENT),
        ("10.1.2.3", ["[2001:db8:ffff::1]:443"], "2001:db8:ffff::1"),
        # What is no address ends the chain at whoever reported it.
        ("10.1.2.3", [f"{LIE}, unknown, 10.9.9.9"], "10.9.9.9"),
        ("10.1.2.3", [f"{LIE}, fe80::1%eth0"], "10.1.2.3"),
        ("10.1.2.3", ["", " , "], "10.1.2.3"),
        ("unix", [CLIENT], "unix"),
        (None, [CLIENT], None),
    ],
)
def test_the_client_is_the_rightmost_hop_that_is_not_trusted(
    peer: str | None, forwarded: list[str], client: str | None
) -> None:
    assert TRUSTED.find_client(peer, forwarded) == client


def test_nobody_is_believed_unless_a_setting_says_so() -> None:
    assert load_settings().proxies == []
    assert Proxies([]).find_client("127.0.0.1", [CLIENT]) == "127.0.0.1"


@pytest.mark.parametrize(
    ("address", "network"),
    [
        (CLIENT, CLIENT),
        ("::ffff:203.0.113.7", CLIENT),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::", "2001:db8:1:2::/64"),
        ("2001:db8:1:3::", "2001:db8:1:3::/64"),
        (None, ""),
    ],
)
def test_one_client_is_an_ipv4_address_or_an_ipv6_network(address: str | None, network: str) -> None:
    assert network_of(address) == network


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ("proxy.example", "'proxy.example' does not appear to be an IPv4 or IPv6 network"),
        ("127.0.0.1, 10.0.0.1/8", "10.0.0.1/8 has host bits set"),
    ],
)
def test_setting_that_names_no_network_stops_the_start(wrong: str, said: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        load_settings(trusted_proxies=wrong)
    assert refused.value.message == f"TRAILCAST_TRUSTED_PROXIES may hold addresses and networks: {said}."
