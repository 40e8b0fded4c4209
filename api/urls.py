"""Addresses of servers, as users write them."""

from __future__ import annotations

import re
from ipaddress import AddressValueError, IPv6Address
from urllib.parse import urlsplit

SCHEMES = {"http": 80, "https": 443}
HOST_CHARS_MAX = 253
_LABEL = re.compile(r"(?!-)[\w-]{1,63}(?<!-)")


def server_url(url: str) -> str:
    """The address of a server, with a small scheme and without a slash at its end: `http` or
    `https`, a name or an IP address (IPv6 in brackets, with its zone where it needs one), and
    perhaps a port and a path. Raises ValueError with what is wrong."""
    if not isinstance(url, str):
        raise ValueError("it is no text")
    if not url.isprintable() or " " in url:
        raise ValueError("there are blanks or control characters in it")
    parts = urlsplit(url)
    if parts.scheme not in SCHEMES:
        raise ValueError("it does not begin with http:// or https://")
    if parts.username is not None or parts.query or parts.fragment or "?" in url or "#" in url:
        raise ValueError("a name with a password, a query or a fragment have no place in it")
    if parts.port == 0 or parts.netloc.endswith(":"):
        raise ValueError("a port is a number from 1 to 65535")
    _check_host(parts.hostname or "", "[" in parts.netloc)
    return f"{parts.scheme}://{parts.netloc}{parts.path.rstrip('/')}"


def _check_host(host: str, in_brackets: bool) -> None:
    if in_brackets:
        try:
            IPv6Address(host)
        except AddressValueError as error:
            raise ValueError(f"{host} is no IPv6 address") from error
        return
    labels = host.removesuffix(".").split(".")
    if len(host) > HOST_CHARS_MAX or not all(map(_LABEL.fullmatch, labels)):
        raise ValueError("there is no name of a host in it")
    try:
        host.encode("idna")
    except UnicodeError as error:
        raise ValueError(f"{host} is no name of a host") from error


def bracketed(host: str) -> str:
    """A host as it stands in a URL: an IPv6 address in brackets."""
    return f"[{host}]" if ":" in host else host
