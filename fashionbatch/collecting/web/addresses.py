"""Which addresses may be connected to: those of the public internet, whatever a host's name pretends to be."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Callable, Sequence
from typing import TypeAlias

Address: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address
Resolve: TypeAlias = Callable[[str, int], Sequence[str]]
"""A host's name and port -> its addresses as text; raises OSError where there are none."""

_NAT64 = ipaddress.ip_network("64:ff9b::/96")
_UNICAST = ipaddress.ip_network("2000::/3")
"""What IANA gives out of IPv6; the rest, such as `fec0::/10`, is local, reserved or not used."""
# What `is_global` takes for public in some releases of Python, and what a cloud's machines are asked at for secrets.
_SPECIAL = tuple(map(ipaddress.ip_network, ("192.0.0.0/24", "192.88.99.0/24", "168.63.129.16/32", "3fff::/20")))


class ForbiddenAddressError(Exception):
    """A host that stands, at least in part, for an address that is not of the public internet."""


def system_addresses(host: str, port: int) -> list[str]:
    """What the system's resolver says; it reads `2130706433` and `0177.0.0.1` as addresses, too.

    Raises:
        OSError: there are none.
    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except ValueError as error:  # a NUL in it, or what is no text
        raise OSError(f"{host!r} is no name of a host") from error
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


def public_addresses(host: str, port: int, resolve: Resolve) -> list[str]:
    """The addresses of a host, every one of them checked; these alone may be connected to.

    A name is resolved once, and the connection is made to what was checked: a name that stands for another address a
    moment later gains nothing.

    Raises:
        ForbiddenAddressError: one of them is private, of this machine, of this network, or has another special use.
        OSError: there are none.
    """
    addresses = list(resolve(host, port))
    if not addresses:
        raise OSError(f"{host!r} has no address")
    for address in addresses:
        if not is_public(address):
            raise ForbiddenAddressError(f"the host {host!r} stands for {address}, which is no public address")
    return addresses


def is_public(text: str) -> bool:
    """Whether an address is of the public internet, and so is every IPv4 address that it may stand for.

    Example:
        >>> is_public("93.184.216.34"), is_public("::ffff:127.0.0.1"), is_public("169.254.169.254")
        (True, False, False)
    """
    try:
        address: Address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return False
    return all(map(_is_public, _embedded(address) or [address]))


def _is_public(address: Address) -> bool:
    if isinstance(address, ipaddress.IPv6Address) and address not in _UNICAST:
        return False
    is_ordinary = address.is_global and not address.is_multicast and not address.is_reserved
    return is_ordinary and not any(address in network for network in _SPECIAL)


def _embedded(address: Address) -> list[Address]:
    """The IPv4 addresses that an IPv6 address carries: mapped, 6to4, Teredo or NAT64."""
    if isinstance(address, ipaddress.IPv4Address):
        return []
    found: list[Address | None] = [address.ipv4_mapped, address.sixtofour, *(address.teredo or ())]
    if address in _NAT64:
        found.append(ipaddress.IPv4Address(int(address) & 0xFFFFFFFF))
    return [one for one in found if one is not None]
