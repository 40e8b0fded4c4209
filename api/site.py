"""Which pages may use this server, and the login that such a page has: a cookie that no script
reads.

    site = Site("a1b2", frozenset({"https://chat.example.org"}))
    site.shown(headers, "POST").needed()   # the token of a request
    site.live(headers)                     # the same of a handshake; None: it is refused

A cookie comes along by itself, whoever caused the request: it counts only in what a page of this
server's own asks for. `Origin` is compared with what the operator said, and never with `Host`,
which a page can choose by the name that it gives this machine (DNS rebinding). Programs show a
bearer token, and are not asked where they are from. docs/adr/0031-cookie.md has the reasons.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from ipaddress import IPv6Address
from typing import NamedTuple
from urllib.parse import urlsplit

import msgspec

from api import types as t
from api.errors import ApiError
from api.urls import SCHEMES

Headers = Mapping[bytes, bytes]
Header = tuple[bytes, bytes]

SECURE_NAME = "__Host-heliograph"
"""Browsers take it with TLS alone, and from nobody but this host."""
KEPT_S = 400 * 24 * 3600
"""As long as browsers keep any cookie; the session may end earlier."""
SAFE_VERBS = ("GET", "HEAD")
LOGOUT = "/api/auth.logout"
WHO_AM_I = "/api/users.me"
_SHOWABLE = re.compile(r"https?://[a-z0-9.:\[\]_-]{1,100}")


def origin_of(url: str) -> str:
    """The origin of an address that `api.urls.server_url` takes, as browsers write it."""
    parts = urlsplit(url)
    name = (parts.hostname or "").removesuffix(".").encode("idna").decode()
    host = f"[{IPv6Address(name.partition('%')[0])}]" if ":" in name else name
    port = "" if parts.port in (None, SCHEMES[parts.scheme]) else f":{parts.port}"
    return f"{parts.scheme}://{host}{port}"


class Shown(NamedTuple):
    """The token that a request shows, if any; `cookie`: the name of the one that it was in.
    `stranger`: the cookie came with a request that no page of this server's sent."""

    token: str = ""
    cookie: str = ""
    stranger: ApiError | None = None

    def needed(self) -> str:
        """The token. Raises `unauthorized`, `origin_refused`."""
        if self.stranger is not None:
            raise self.stranger
        if not self.token:
            raise ApiError("unauthorized", "send the header Authorization: Bearer <token>")
        return self.token

    def renewed(self, path: str) -> list[Header]:
        """What has the browser keep its login from now on, for it keeps no cookie for longer than
        `KEPT_S`: in the answer to what a page asks while nothing else is under way. A later one
        would put back a login that another has taken the place of."""
        if not self.cookie or path != WHO_AM_I:
            return []
        return [_set_cookie(self.cookie, self.token, KEPT_S)]

    def ended(self, path: str) -> list[Header]:
        """What tells the browser that its login is over, where it has one: in answers to what a
        page asks by itself. Files wait in a browser with the cookie of when they were wanted: their
        refusal would end the login that came meanwhile, whose cookie has the same name."""
        if not self.cookie or self.stranger is not None or path not in (LOGOUT, WHO_AM_I):
            return []
        told = [_set_cookie(self.cookie, "", 0)]
        if path == LOGOUT:  # "cookies" would end those of the whole domain
            told.append((b"clear-site-data", b'"cache", "storage"'))
        return told


def bearer(headers: Headers) -> Shown:
    """What a program shows."""
    scheme, _, rest = headers.get(b"authorization", b"").partition(b" ")
    return Shown(rest.strip().decode("latin-1") if scheme.lower() == b"bearer" else "")


class Site(NamedTuple):
    """See the module. `server_id`: of the cluster; `own`: the origins of this server's pages;
    `others`: of other pages, which may use it with bearer tokens."""

    server_id: str = ""
    own: frozenset[str] = frozenset()
    others: frozenset[str] = frozenset()

    def shown(self, headers: Headers, verb: str) -> Shown:
        """What a request shows. What else `Authorization` may say is for a proxy, and browsers send
        it by themselves."""
        if (program := bearer(headers)).token:
            return program
        found = self._kept(headers)
        if found.cookie and not self._is_own(headers, verb):
            return found._replace(stranger=self._refusal(headers))
        return found

    def live(self, headers: Headers) -> Shown | None:
        """What the handshake of a WebSocket shows. Every browser says from which page it is."""
        origin = _origin(headers)
        if origin in self.own:
            return self._kept(headers)
        return Shown() if not origin or origin in self.others else None

    def cookie_for(self, headers: Headers) -> str:
        """The name of the cookie for who logs in so. Raises `origin_refused`."""
        origin = _origin(headers)
        if origin not in self.own or not self._is_own(headers, "POST"):
            raise self._refusal(headers)
        return self._name(origin.startswith("https:"))

    def host(self, headers: Headers) -> str:
        """The host that a request was sent to, as `name:port`, if it is one of this server's."""
        host = headers.get(b"host", b"").decode("latin-1").lower()
        return host if any(host == own.partition("://")[2] for own in self.own) else ""

    def _is_own(self, headers: Headers, verb: str) -> bool:
        """Whether a page of this server's asks. Over plain http browsers tell less: what changes
        nothing may come without either header, for SameSite keeps other pages' cookies back."""
        origin, fetch_site = _origin(headers), headers.get(b"sec-fetch-site")
        if origin and origin not in self.own:
            return False
        if fetch_site is not None:
            return fetch_site == b"same-origin" or (fetch_site == b"none" and verb in SAFE_VERBS)
        return bool(origin) or verb in SAFE_VERBS

    def _name(self, secure: bool) -> str:
        """Cookies know no ports: servers on one machine are told apart by their ids."""
        return SECURE_NAME if secure else f"heliograph-{self.server_id}"

    def _kept(self, headers: Headers) -> Shown:
        """The cookie of this server. One without TLS counts only where pages come without: else
        somebody on the way could have put it there."""
        jar = _cookies(headers.get(b"cookie", b""))
        schemes = {own.partition(":")[0] for own in ({_origin(headers)} & self.own) or self.own}
        for scheme in ("https", "http"):
            name = self._name(scheme == "https")
            if scheme in schemes and jar.get(name):
                return Shown(jar[name], name)
        return Shown()

    def _refusal(self, headers: Headers) -> ApiError:
        origin = _origin(headers)
        if not origin:
            told = "a login by cookie is for this server's own pages; programs send a bearer token"
        elif origin in self.others:
            told = "pages of this origin log in without `cookie`, and send a bearer token"
        elif origin in self.own:
            told = "another page than one of this server's sent this request"
        else:
            shown = origin if _SHOWABLE.fullmatch(origin) else "ORIGIN"
            told = (
                "this page's address is not one that the server knows: start it with "
                f"--origin {shown}"
            )
        return ApiError("origin_refused", told)


def kept_as(cookie: str, result: bytes) -> tuple[bytes, list[Header]]:
    """An answer of type Authorization without its token, and the header with it."""
    login = msgspec.json.decode(result, type=t.Authorization)
    without = msgspec.structs.replace(login, token="")
    return msgspec.json.encode(without), [_set_cookie(cookie, login.token, KEPT_S)]


def _set_cookie(name: str, value: str, seconds: int) -> Header:
    secure = "; Secure" if name == SECURE_NAME else ""
    attributes = f"Path=/; Max-Age={seconds}; HttpOnly; SameSite=Strict{secure}"
    return b"set-cookie", f"{name}={value}; {attributes}".encode("latin-1")


def _cookies(header: bytes) -> dict[str, str]:
    """By name; of two of one name the first, whose path is longer or which is older. Only what
    browsers take for an end ends a pair, and only what they take for a blank is one: else other
    hosts of the domain could set one that looks like `SECURE_NAME` here, and to them like another.
    """
    found: dict[str, str] = {}
    for pair in header.decode("latin-1").split(";"):
        name, equals, value = pair.partition("=")
        if equals:
            found.setdefault(name.strip(" \t"), value.strip(" \t"))
    return found


def _origin(headers: Headers) -> str:
    return headers.get(b"origin", b"").decode("latin-1")
