"""The HAProxy that Ray Serve starts, with the configuration that Serve wrote mended: what clients
meet is told here, and Serve goes on saying where the fronts are.

Serve's own would listen with statistics on all addresses, tell who asks which applications there
are, write every request to whoever listens on UDP port 514, and wait an hour for the rest of a
request. Fronts listen on loopback only; those of other nodes are reached through the entrance of
their node, by who knows the secret that all entrances of a cluster have.

It is run in the place of HAProxy (`haproxy.sh`) with every start and every change of fronts: so it
needs the standard library alone. What it does not find in Serve's configuration is an error, and
HAProxy is not started then.
"""

from __future__ import annotations

import ctypes
import json
import os
import re
import signal
import sys
from pathlib import Path
from typing import NamedTuple

ENTRANCE_VARIABLE = "HELIOGRAPH_ENTRANCE"
"""Where HAProxy finds the path of the file with its `Entrance`."""
HAPROXY_VARIABLE = "HELIOGRAPH_HAPROXY"
"""The path of the real one."""

FRONT_HEADER, CLIENT_HEADER = "x-heliograph-front", "x-heliograph-client"
"""The secret, by which fronts know that a request comes from an entrance; who called that."""

MENDED = "# mended\n"
ADDRESSES_TRACKED_MAX = 100_000
CONNECT_S, FIN_S = 5, 10
UNWANTED = re.compile(
    r"log |log-format|option (httplog|log-health-checks)|timeout |errorfile 50[234] |bind "
    r"|http-request set-log-level"
    r"|acl routes |.* if routes$"
)
"""In any section; `stats timeout` is none of these."""
UNWANTED_SECTIONS = ("frontend prometheus", "listen stats")
SERVER = re.compile(r"(server \S+ )(\S+):(\d+) (.*)")
LOCAL = ("127.0.0.1", "::1", "[::1]")
PR_SET_PDEATHSIG = 1


class Entrance(NamedTuple):
    """Where clients come in, and what is asked of them. `connections_per_address_max`: 0 where a
    proxy of the operator's stands before, which has one address for all. `exempt`: networks whose
    connections are not counted. Times in seconds: until the head of a request is there, between two
    requests, between two pieces of a body or an answer, until an answer begins, and of silence on a
    live connection."""

    host: str
    port: int
    secret: str
    connections_per_address_max: int
    exempt: list[str]
    head_s: int
    idle_s: int
    stall_s: int
    answer_s: int
    silence_s: int

    def write(self, path: Path) -> None:
        """For its owner only: the secret is in it."""
        draft = path.with_suffix(".new")
        draft.touch(mode=0o600)
        draft.write_text(json.dumps(self._asdict()) + "\n")
        draft.rename(path)


class UnknownConfiguration(Exception):
    """Serve's configuration is not as it is known here; the message says what is missing."""


class Section(NamedTuple):
    """As `frontend http_frontend`, and the lines in it, without blanks around them."""

    title: str
    lines: list[str]


def mended(text: str, entrance: Entrance) -> str:
    """Serve's configuration with this entrance. Raises UnknownConfiguration."""
    found: list[Section] = []
    for title, lines in _sections(text):
        if title in UNWANTED_SECTIONS:
            continue
        kept = [line for line in lines if not UNWANTED.match(line)]
        kind, _, name = title.partition(" ")
        if kind == "global":
            kept = [line.replace(" mode 666 ", " mode 600 ") for line in kept]
        elif kind == "defaults":
            kept += _times(entrance)
        elif kind == "frontend":
            _expect(name == "http_frontend", f"nothing but http_frontend instead of {name}")
            kept = _frontend(kept, entrance)
        elif any(map(SERVER.match, kept)):
            kept = [_reached(line, entrance.port) for line in kept]
            found.append(_only_here(name, kept))
        found.append(Section(title, kept))
    titles = {section.title for section in found}
    for title in ("global", "defaults", "frontend http_frontend"):
        _expect(title in titles, title)
    return MENDED + "".join(
        f"{title}\n" + "".join(f"    {line}\n" for line in lines) for title, lines in found
    )


def _sections(text: str) -> list[Section]:
    found: list[Section] = []
    for line in text.splitlines():
        bare = line.strip()
        if not bare or bare.startswith("#"):
            continue
        if line[0].isspace():
            _expect(bool(found), f"a section before {bare!r}")
            found[-1].lines.append(bare)
        else:
            found.append(Section(bare, []))
    return found


def _expect(so: bool, what: str) -> None:
    if not so:
        raise UnknownConfiguration(f"Serve's configuration of HAProxy should have {what}")


def _times(entrance: Entrance) -> list[str]:
    return [
        f"timeout connect {CONNECT_S}s",
        f"timeout http-request {entrance.head_s}s",
        f"timeout http-keep-alive {entrance.idle_s}s",
        f"timeout client {entrance.stall_s}s",
        f"timeout client-fin {FIN_S}s",
        f"timeout server {entrance.answer_s}s",
        f"timeout server-fin {FIN_S}s",
        f"timeout queue {entrance.answer_s}s",
        f"timeout tunnel {entrance.silence_s}s",
    ]


def _frontend(lines: list[str], entrance: Entrance) -> list[str]:
    """Where clients come in. What comes from another entrance says who called that one, and is
    answered here or not at all, or it could go round for ever."""
    here = []
    for line in lines:
        if found := re.match(r"use_backend (\S+) (if .*)", line):
            here.append(f"use_backend {found[1]}-here {found[2]} from_entrance")
    from_entrance = f"{{ req.hdr({FRONT_HEADER}) -m str {entrance.secret} }}"
    return [
        *_binds(entrance),
        "option disable-h2-upgrade",
        *_counted(entrance),
        f"http-request set-var(txn.from_entrance) bool(true) if {from_entrance}",
        "acl from_entrance var(txn.from_entrance) -m bool",
        f"http-request set-header {CLIENT_HEADER} %[src] if !from_entrance",
        f"http-request set-header {FRONT_HEADER} {entrance.secret}",
        *(re.sub(r"nbsrv\((\S+)\)", r"nbsrv(\1-here)", x) for x in lines if not _uses(x)),
        "http-request deny deny_status 404 if { path_beg /-/ }",  # what fronts tell of Serve
        *here,
        *filter(_uses, lines),
    ]


def _uses(line: str) -> bool:
    return line.startswith(("use_backend ", "default_backend "))


def _binds(entrance: Entrance) -> list[str]:
    if entrance.host == "::":  # apart, or IPv4 clients would be counted as one /64
        return [f"bind :::{entrance.port} v6only", f"bind 0.0.0.0:{entrance.port}"]
    address, zone, interface = entrance.host.partition("%")  # HAProxy does not know zones
    return [f"bind {address}:{entrance.port}" + f" interface {interface}" * bool(zone)]


def _counted(entrance: Entrance) -> list[str]:
    if not entrance.connections_per_address_max:
        return []
    exempt = f" if !{{ src {' '.join(entrance.exempt)} }}" if entrance.exempt else ""
    return [
        f"stick-table type ipv6 size {ADDRESSES_TRACKED_MAX} expire 10s store conn_cur",
        f"tcp-request connection track-sc0 src,ipmask(32,64){exempt}",
        "tcp-request connection reject if "
        f"{{ sc0_conn_cur gt {entrance.connections_per_address_max} }}",
    ]


def _reached(line: str, port: int) -> str:
    """A server of another node is reached through its entrance, and only when none is here."""
    found = SERVER.fullmatch(line)
    if found is None or found[2] in LOCAL:
        return line
    return f"{found[1]}{found[2]}:{port} check backup"


def _only_here(name: str, lines: list[str]) -> Section:
    """The servers of a backend that are on this node."""
    found = [SERVER.fullmatch(line) for line in lines]
    return Section(
        f"backend {name}-here",
        [
            *(line for line in lines if line.startswith("http-reuse")),
            *(
                f"{server[1]}{server[2]}:{server[3]} track {name}/{server[1].split()[1]}"
                + (" backup" if server[4].endswith(" backup") else "")
                for server in found
                if server is not None and server[2] in LOCAL
            ),
        ],
    )


def mend(path: Path, entrance: Entrance) -> None:
    """The same in the file that Serve wrote. Raises UnknownConfiguration."""
    text = path.read_text()
    if text.startswith(MENDED):
        return
    draft = path.with_suffix(".mended")
    draft.touch(mode=0o600)
    draft.write_text(mended(text, entrance))
    draft.rename(path)


def main() -> None:
    arguments = sys.argv[1:]
    if "-f" in arguments:
        entrance = Entrance(**json.loads(Path(os.environ[ENTRANCE_VARIABLE]).read_text()))
        mend(Path(arguments[arguments.index("-f") + 1]), entrance)
    # It ends with the actor that started it: an older one would serve with an older configuration.
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
    real = os.environ[HAPROXY_VARIABLE]
    os.execv(real, [real, *arguments])


if __name__ == "__main__":
    main()
