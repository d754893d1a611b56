"""Which addresses are of the public internet, and so may be where somebody listens for messages."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, ip_network

Address = IPv4Address | IPv6Address

NEVER = tuple(
    ip_network(net)
    for net in (
        "192.0.0.0/24",  # protocol assignments (RFC 6890); one cloud's metadata are at 192.0.0.192
        "192.88.99.0/24",  # relays into 6to4 (RFC 7526)
        "168.63.129.16/32",  # looks public, and is the host of the virtual machine at one large cloud
        "2001::/23",  # protocol assignments, Teredo among them, which carries an IPv4 address
        "2001:db8::/32",  # documentation
        "2002::/16",  # 6to4, which carries an IPv4 address
        "3fff::/20",  # documentation (RFC 9637)
    )
)
"""What `ipaddress` takes for public, in one Python or another from 3.11 on, and nobody can be called at."""
UNICAST = ip_network("2000::/3")
"""All of IPv6 that is given out to be called (RFC 3513); what carries an IPv4 address in its tail is outside."""
NAT64 = ip_network("64:ff9b::/96")
"""How a network without IPv4 calls an IPv4 address (RFC 6052): it is as public as the address in its tail."""


def is_public(address: Address) -> bool:
    """Whether anybody on the internet may be meant: not this machine, its network, its cloud, a group, or nobody."""
    if isinstance(address, IPv6Address):
        if address in NAT64:
            return is_public(IPv4Address(address.packed[12:]))
        if address not in UNICAST:
            return False
    return address.is_global and not address.is_multicast and not any(address in net for net in NEVER)


__all__ = ["Address", "is_public"]
