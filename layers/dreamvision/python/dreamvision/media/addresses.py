"""Which IP addresses are on the public internet, by IANA's registries rather than by Python's release.

``ipaddress.is_global`` follows the registries as of its release, and counts blocks that IANA has only deprecated
(``fec0::/10``, 192.88.99.0/24) as global.
"""

import ipaddress

type Address = ipaddress.IPv4Address | ipaddress.IPv6Address

# All blocks of https://www.iana.org/assignments/iana-ipv4-special-registry/ (2025-10-09), the anycast services that are
# globally reachable among them, since no host of videos has such an address; and multicast (RFC 5771).
_SPECIAL_IPV4 = tuple(
    ipaddress.IPv4Network(block)
    for block in (
        "0.0.0.0/8",
        "10.0.0.0/8",
        "100.64.0.0/10",
        "127.0.0.0/8",
        "169.254.0.0/16",
        "172.16.0.0/12",
        "192.0.0.0/24",
        "192.0.2.0/24",
        "192.31.196.0/24",
        "192.52.193.0/24",
        "192.88.99.0/24",
        "192.168.0.0/16",
        "192.175.48.0/24",
        "198.18.0.0/15",
        "198.51.100.0/24",
        "203.0.113.0/24",
        "224.0.0.0/4",
        "240.0.0.0/4",
    )
)
# The only space that IANA assigns unicast addresses from: https://www.iana.org/assignments/ipv6-address-space/
_GLOBAL_UNICAST = ipaddress.IPv6Network("2000::/3")
# All blocks of https://www.iana.org/assignments/iana-ipv6-special-registry/ (2025-10-09) in that space.
_SPECIAL_IPV6 = tuple(
    ipaddress.IPv6Network(block)
    for block in ("2001::/23", "2001:db8::/32", "2002::/16", "2620:4f:8000::/48", "3fff::/20")
)
# A network without IPv4 reaches IPv4 addresses by this prefix (RFC 6052).
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")


def is_public(address: Address) -> bool:
    """Return whether an address is global unicast and not set aside for a special purpose.

    An IPv6 address that maps or translates an IPv4 address counts as that one.
    """
    if isinstance(address, ipaddress.IPv4Address):
        return not any(address in block for block in _SPECIAL_IPV4)
    embedded = address.ipv4_mapped
    if address in _NAT64:
        embedded = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    if embedded is not None:
        return is_public(embedded)
    return address in _GLOBAL_UNICAST and not any(address in block for block in _SPECIAL_IPV6)
