"""Public addresses by IANA's registries, whatever the release of Python makes of them."""

from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from random import Random

import pytest

from dreamvision.media.addresses import is_public

# Every row of IANA's two registries of special-purpose addresses as of 2025-10-09, the spaces of multicast, and blocks
# outside the global unicast space. An IPv6 block that embeds IPv4 addresses is tested below.
SPECIAL = [
    "0.0.0.0/8",
    "0.0.0.0/32",
    "10.0.0.0/8",
    "100.64.0.0/10",
    "127.0.0.0/8",
    "169.254.0.0/16",
    "172.16.0.0/12",
    "192.0.0.0/24",
    "192.0.0.0/29",
    "192.0.0.8/32",
    "192.0.0.9/32",
    "192.0.0.10/32",
    "192.0.0.170/32",
    "192.0.0.171/32",
    "192.0.2.0/24",
    "192.31.196.0/24",
    "192.52.193.0/24",
    "192.88.99.0/24",
    "192.88.99.2/32",
    "192.168.0.0/16",
    "192.175.48.0/24",
    "198.18.0.0/15",
    "198.51.100.0/24",
    "203.0.113.0/24",
    "240.0.0.0/4",
    "255.255.255.255/32",
    "224.0.0.0/4",
    "::1/128",
    "::/128",
    "64:ff9b:1::/48",
    "100::/64",
    "100:0:0:1::/64",
    "2001::/23",
    "2001::/32",
    "2001:1::1/128",
    "2001:1::2/128",
    "2001:1::3/128",
    "2001:2::/48",
    "2001:3::/32",
    "2001:4:112::/48",
    "2001:10::/28",
    "2001:20::/28",
    "2001:30::/28",
    "2001:db8::/32",
    "2002::/16",
    "2620:4f:8000::/48",
    "3fff::/20",
    "5f00::/16",
    "fc00::/7",
    "fe80::/10",
    "fec0::/10",
    "ff00::/8",
    "::/96",
    "::ffff:0:0:0/96",
    "200::/7",
    "1::/16",
    "4000::/3",
    "8000::/3",
    "fe00::/9",
]


@pytest.mark.parametrize("block", SPECIAL)
def test_the_first_and_the_last_address_of_a_special_block_are_not_public(block: str) -> None:
    network = ip_network(block)
    assert not is_public(network[0])
    assert not is_public(network[-1])


@pytest.mark.parametrize(
    "address",
    [
        "1.0.0.0",
        "9.255.255.255",
        "11.0.0.0",
        "100.63.255.255",
        "100.128.0.0",
        "126.255.255.255",
        "128.0.0.0",
        "169.253.255.255",
        "169.255.0.0",
        "172.15.255.255",
        "172.32.0.0",
        "192.0.1.0",
        "192.0.3.0",
        "192.31.195.255",
        "192.31.197.0",
        "192.52.192.255",
        "192.52.194.0",
        "192.88.98.255",
        "192.88.100.0",
        "192.167.255.255",
        "192.169.0.0",
        "192.175.47.255",
        "192.175.49.0",
        "198.17.255.255",
        "198.20.0.0",
        "198.51.99.255",
        "198.51.101.0",
        "203.0.112.255",
        "203.0.114.0",
        "223.255.255.255",
        "13.224.0.1",
        "2000::1",
        "2001:200::",
        "2001:db7:ffff::1",
        "2001:db9::1",
        "2001:ffff::1",
        "2003::1",
        "2600:9000::1",
        "2620:4f:7fff::1",
        "2620:4f:8001::1",
        "3ffe::1",
        "3fff:1000::1",
    ],
)
def test_the_neighbors_of_special_blocks_are_public(address: str) -> None:
    assert is_public(ip_address(address))


@pytest.mark.parametrize("prefix", ["::ffff:", "64:ff9b::"])
def test_an_embedded_ipv4_address_decides(prefix: str) -> None:
    assert is_public(IPv6Address(f"{prefix}93.184.216.34"))
    for block in SPECIAL:
        network = ip_network(block)
        if network.version == 4:
            assert not is_public(IPv6Address(f"{prefix}{network[0]}")), block
            assert not is_public(IPv6Address(f"{prefix}{network[-1]}")), block


def test_nothing_is_public_that_python_calls_private() -> None:
    random = Random(4)
    for _ in range(20_000):
        for address in (IPv4Address(random.getrandbits(32)), IPv6Address(random.getrandbits(128))):
            assert address.is_global or not is_public(address), address
