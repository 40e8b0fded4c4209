"""The addresses of those who call: read in one place, and counted by one key.

    who = caller(headers, peer, proxies=1)   # an Address; None: it cannot be told
    key = network_of(who)                    # "203.0.113.7", "2001:db8:1:2::/64", "unknown"

Whatever is counted by address (wrong passwords, floods, connections) is counted by that key.
"""

from __future__ import annotations

import functools
import ipaddress
import re
from collections.abc import Iterable, Mapping
from typing import Literal, NamedTuple

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network
ProxyHeader = Literal["x-forwarded-for", "forwarded"]
"""In which header the operator's proxies name who called them."""

UNKNOWN = "unknown"
CUSTOMER_BITS = 64
"""Of an IPv6 address: what one customer has."""
TRANSLATED = ipaddress.IPv6Network("64:ff9b::/96")
"""IPv4 clients of a server that is reached by IPv6 alone (RFC 6052), in the last 32 bits."""
PORT = r"(?::(?:[0-9]{1,5}|_[A-Za-z0-9._-]+))?"
BRACKETED = re.compile(rf"\[([^\[\]]*)\]{PORT}")
WITH_PORT = re.compile(rf"([0-9.]+){PORT}")
PAIR = re.compile(r'\s*for\s*=\s*("(?:[^"\\]|\\.)*"|[^"\s;]*)\s*', re.IGNORECASE)


def parse(text: str) -> Address | None:
    """An address as proxies and sockets write it: with or without a port, brackets, quotes or a
    zone. None if it is none: `unknown`, a name, an obfuscated identifier (RFC 7239, section 6.3).
    IPv4 inside IPv6 is IPv4."""
    text = text.strip().strip('"').strip()
    found = BRACKETED.fullmatch(text) or WITH_PORT.fullmatch(text)
    try:
        address = ipaddress.ip_address((found[1] if found else text).partition("%")[0])
    except ValueError:
        return None
    if isinstance(address, ipaddress.IPv4Address):
        return address
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    if address in TRANSLATED:
        return ipaddress.IPv4Address(int(address) & 0xFFFF_FFFF)
    return address


def network_of(address: Address | None) -> str:
    """The key that an address is counted by: itself, or the /64 of an IPv6 address."""
    if address is None:
        return UNKNOWN
    if isinstance(address, ipaddress.IPv6Address):
        return str(ipaddress.IPv6Network((int(address), CUSTOMER_BITS), strict=False))
    return str(address)


def caller(
    headers: Mapping[bytes, bytes],
    peer: str,
    proxies: int = 0,
    header: ProxyHeader = "x-forwarded-for",
) -> Address | None:
    """Who calls. `peer`: who is connected to this server; `proxies`: how many of the operator's
    stand before it, each of which appends to `header` who is connected to it. What stands before
    those entries was written by the caller, and is not believed. Headers are by lower-case name,
    repeated ones joined by commas."""
    if proxies == 0:
        return parse(peer)
    text = headers.get(header.encode(), b"").decode("latin-1")
    if header == "forwarded":
        entries = [_node(element) for element in _last_parts(text, ",", proxies)]
    else:
        entries = text.split(",")[-proxies:]
    return parse(entries[0]) if text.strip() else parse(peer)


class Callers(NamedTuple):
    """How those who call are told from each other. `proxies`, `header`: see `caller`; `exempt`:
    networks without limits by address."""

    proxies: int = 0
    header: ProxyHeader = "x-forwarded-for"
    exempt: tuple[str, ...] = ()

    def of(self, headers: Mapping[bytes, bytes], peer: str) -> Address | None:
        """Who calls."""
        return caller(headers, peer, self.proxies, self.header)

    def counted(self, address: Address | None) -> str:
        """What the connections and bytes of an address are counted by; empty if by nothing."""
        return "" if is_among(address, _networks(self.exempt)) else network_of(address)


NO_PROXIES = Callers()


def _node(element: str) -> str:
    """What an element of `Forwarded` says that a request is for; empty if it does not."""
    for pair in _last_parts(element, ";", len(element)):
        if found := PAIR.fullmatch(pair):
            return found[1]
    return ""


def _last_parts(text: str, separator: str, count: int) -> list[str]:
    """At most so many of the last parts between separators that are in no quoted string, in their
    order. Cut from the end, because what proxies wrote there is well-formed, and a quote that the
    caller opened before it must not swallow it."""
    parts, end, quoted = [], len(text), False
    for index in range(len(text) - 1, -1, -1):
        letter = text[index]
        if letter == '"' and not (quoted and _is_escaped(text, index)):
            quoted = not quoted
        elif letter == separator and not quoted:
            parts.append(text[index + 1 : end])
            end = index
            if len(parts) == count:
                return parts[::-1]
    return [text[:end], *parts[::-1]]


def _is_escaped(text: str, index: int) -> bool:
    before = index
    while before and text[before - 1] == "\\":
        before -= 1
    return (index - before) % 2 == 1


def parse_networks(texts: Iterable[str]) -> tuple[Network, ...]:
    """Addresses and networks (`192.0.2.0/24`, `2001:db8::/32`, `192.0.2.7`), several in a text
    separated by commas. Raises ValueError, which names what is none."""
    found: list[Network] = []
    for text in ",".join(texts).split(","):
        if not (word := text.strip()):
            continue
        try:
            found.append(ipaddress.ip_network(word))
        except ValueError:
            raise ValueError(
                f"{word[:64]!r} is no address and no network like 192.0.2.0/24"
            ) from None
    return tuple(found)


@functools.cache
def _networks(texts: tuple[str, ...]) -> tuple[Network, ...]:
    return parse_networks(texts)


def is_among(address: Address | None, networks: Iterable[Network]) -> bool:
    """Whether an address is in one of the networks."""
    return address is not None and any(address in network for network in networks)
