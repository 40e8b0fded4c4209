"""Addresses as sockets and proxies write them, and who is believed to have called."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from api.addresses import (
    Address,
    ProxyHeader,
    caller,
    is_among,
    network_of,
    parse,
    parse_networks,
)

ADDRESSES = st.ip_addresses().filter(lambda address: parse(str(address)) == address)
PORTS = st.integers(0, 65535).map(str) | st.just("_hidden.port-1")
ANYTHING = st.text(st.characters(max_codepoint=255)) | st.text('",;\\= for[]:%._ab1', max_size=40)
FORWARDED: ProxyHeader = "forwarded"


def written(address: Address, port: str, form: str) -> str:
    """An address as a proxy writes it into X-Forwarded-For."""
    if form == "bare":
        return str(address)
    host = f"[{address}]" if address.version == 6 else str(address)
    return {"port": f"{host}:{port}", "brackets": host, "quotes": f'"{host}:{port}"'}[form]


FORMS = st.sampled_from(["bare", "port", "brackets", "quotes"])


# --- addresses ------------------------------------------------------------------------------------


@given(ADDRESSES, PORTS, FORMS, st.sampled_from(["", " ", "\t"]))
def test_an_address_is_read_as_it_is_written(
    address: Address, port: str, form: str, blank: str
) -> None:
    assert parse(blank + written(address, port, form) + blank) == address


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("203.0.113.7", "203.0.113.7"),
        ("203.0.113.7:4000", "203.0.113.7"),
        ("[2001:db8::1]:4000", "2001:db8::/64"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:DB8:1:2:ffff::9", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("[fe80::1%25eth0]:80", "fe80::/64"),
        ("::ffff:198.51.100.1", "198.51.100.1"),
        ("[::ffff:198.51.100.1]:80", "198.51.100.1"),
        ("64:ff9b::198.51.100.1", "198.51.100.1"),
    ],
)
def test_who_is_one_customer_has_one_key(text: str, key: str) -> None:
    assert network_of(parse(text)) == key


@pytest.mark.parametrize(
    "text",
    [
        *("", "unknown", "_hidden", "_SEVKISEK:80", "chat.example.org", "203.0.113.700"),
        *("203.0.113.7:", "[203.0.113.7", "[]", "[]:80", "1.2.3.4:99999999", "\xff\x00"),
        "1.2.3.4 5.6.7.8",
    ],
)
def test_what_is_no_address_is_nobodys(text: str) -> None:
    assert parse(text) is None
    assert network_of(parse(text)) == "unknown"


@given(ANYTHING)
@example("[" * 5000)
def test_nothing_that_is_written_is_an_error(text: str) -> None:
    parse(text)
    for header in (b"x-forwarded-for", b"forwarded"):
        caller({header: text.encode("latin-1", "replace")}, text, 2, FORWARDED)
        caller({header: text.encode("latin-1", "replace")}, text, 2)


@given(ADDRESSES)
def test_a_key_is_the_same_for_what_one_customer_has(address: Address) -> None:
    again = ipaddress.ip_network(network_of(address)).network_address
    assert network_of(again) == network_of(address)


# --- who is believed to have called ---------------------------------------------------------------


def element(address: Address, port: str, form: str) -> str:
    """An element of `Forwarded`, as a proxy writes it that takes over the caller's Host header."""
    host = f"[{address}]" if address.version == 6 else str(address)
    bare = "for=" + (str(address) if address.version == 4 else f'"{host}"')
    return {
        "bare": bare,
        "port": f'for="{host}:{port}";proto=https',
        "brackets": f'proto=https; For="{host}";by=_edge',
        "quotes": f'host="x\\",for=10.6.6.6\\\\";{bare}',
    }[form]


@given(ANYTHING, ADDRESSES, PORTS, FORMS, st.lists(ADDRESSES, max_size=3))
@example('for="10.6.6.6', ipaddress.ip_address("203.0.113.7"), "1", "port", [])
def test_what_callers_write_is_not_believed(
    claimed: str, who: Address, port: str, form: str, between: list[Address]
) -> None:
    """However it is written, before what the operator's proxies append, in one header or two."""
    claim = claimed.encode("latin-1")
    proxies = 1 + len(between)
    lists = [written(who, port, form), *map(str, between)]
    elements = [element(address, port, form) for address in (who, *between)]
    headers = {
        b"x-forwarded-for": b", ".join([claim, *(entry.encode() for entry in lists)]),
        b"forwarded": b", ".join([claim, *(entry.encode() for entry in elements)]),
    }
    assert caller(headers, "192.0.2.1", proxies) == who
    assert caller(headers, "192.0.2.1", proxies, FORWARDED) == who
    assert caller(headers, "192.0.2.1", 0) == parse("192.0.2.1")


@pytest.mark.parametrize(
    ("proxies", "forwarded", "address"),
    [
        (0, b"203.0.113.9, 198.51.100.1", "192.0.2.1"),
        (1, b"203.0.113.9, 198.51.100.1", "198.51.100.1"),
        (2, b"203.0.113.9, 198.51.100.1", "203.0.113.9"),
        (8, b"203.0.113.9, 198.51.100.1", "203.0.113.9"),
        (1, b"", "192.0.2.1"),
        (1, b"203.0.113.9, unknown", "unknown"),
        (1, b"203.0.113.9,", "unknown"),
    ],
)
def test_as_many_entries_are_believed_as_there_are_proxies(
    proxies: int, forwarded: bytes, address: str
) -> None:
    headers = {b"x-forwarded-for": forwarded}
    assert network_of(caller(headers, "192.0.2.1", proxies)) == address


@pytest.mark.parametrize(
    ("text", "address"),
    [
        (b"for=192.0.2.60;proto=http;by=203.0.113.43", "192.0.2.60"),
        (b'For="[2001:db8:cafe::17]:4711"', "2001:db8:cafe::/64"),
        (b"for=192.0.2.43, for=198.51.100.17", "198.51.100.17"),
        (b'for="_gazonk"', "unknown"),
        (b"for=192.0.2.43,by=203.0.113.43", "unknown"),
    ],
    ids=["plain", "quoted", "several", "obfuscated", "not told"],
)
def test_forwarded_as_rfc_7239_has_it(text: bytes, address: str) -> None:
    assert network_of(caller({b"forwarded": text}, "192.0.2.1", 1, FORWARDED)) == address


def test_only_the_header_that_the_operator_names_is_believed() -> None:
    """The caller can write the other one."""
    headers = {b"x-forwarded-for": b"198.51.100.1", b"forwarded": b"for=203.0.113.7"}
    assert network_of(caller(headers, "192.0.2.1", 1)) == "198.51.100.1"
    assert network_of(caller(headers, "192.0.2.1", 1, FORWARDED)) == "203.0.113.7"


# --- networks -------------------------------------------------------------------------------------


def test_networks_are_read_and_found() -> None:
    networks = parse_networks(["192.0.2.0/24, 2001:db8::/32", "198.51.100.7"])
    inside = ["192.0.2.200", "2001:db8:1::1", "198.51.100.7", "::ffff:192.0.2.1"]
    assert all(is_among(parse(text), networks) for text in inside)
    outside = ["192.0.3.1", "2001:db9::1", "198.51.100.8", "unknown"]
    assert not any(is_among(parse(text), networks) for text in outside)
    assert parse_networks(["", " , "]) == ()


@pytest.mark.parametrize("text", ["192.0.2.1/24", "chat.example.org", "1.2.3.4/33", "1.2.3.4-9"])
def test_what_is_no_network_is_named(text: str) -> None:
    with pytest.raises(ValueError, match=r"is no address and no network"):
        parse_networks([text])
