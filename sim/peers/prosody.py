"""Prosody of Debian: with an archive (XEP-0313) in its own files, or with nothing kept."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator
from pathlib import Path

from heliograph.server.ports import free_ports
from sim.peers import debian
from sim.peers.program import LOCALHOST, Failed, listens, program
from sim.peers.xmpp import DOMAIN, Server

PACKAGES = ("prosody",)


def settings(folder: Path, port: int, archive: bool) -> str:
    """The configuration. No speed limits, and warnings only in the log."""
    modules = ["saslauth", "roster", "register", *(["mam"] if archive else [])]
    return f"""\
run_as_root = true
daemonize = false
pidfile = "{folder}/prosody.pid"
data_path = "{folder}/data"
certificates = "{folder}"
log = {{ warn = "{folder}/prosody.log" }}
modules_enabled = {{ {", ".join(f'"{module}"' for module in modules)} }}
modules_disabled = {{ "s2s", "tls"{"" if archive else ', "offline"'} }}
interfaces = {{ "{LOCALHOST}" }}
c2s_ports = {{ {port} }}
c2s_require_encryption = false
allow_unencrypted_plain_auth = true
allow_registration = true
authentication = "internal_plain"
storage = "internal"
default_archive_policy = true
archive_expires_after = "never"
storage_archive_item_limit = 1000000000
VirtualHost "{DOMAIN}"
"""


class Prosody:
    def __init__(self, archive: bool) -> None:
        self.name = "prosody" if archive else "prosody-bare"
        self.keeps = "not synced" if archive else "nothing"
        self._archive = archive
        self.pairs_max = 200
        self._registered = 0

    def version(self, home: Path) -> str:
        return debian.version_of("prosody")

    def missing(self, home: Path) -> str:
        return debian.missing(PACKAGES)

    def install(self, home: Path) -> None:
        debian.install(PACKAGES)

    @contextlib.contextmanager
    def running(self, folder: Path, home: Path) -> Iterator[Server]:
        (folder / "data").mkdir(parents=True, exist_ok=True)
        (port,) = free_ports(1)
        configuration = folder / "prosody.cfg.lua"
        configuration.write_text(settings(folder, port, self._archive))
        prosody = shutil.which("prosody")
        if prosody is None:
            raise Failed("there is no prosody")
        command = [prosody, "-F", "--config", str(configuration)]
        with program(command, folder / "log", lambda: listens(port)) as pid:
            server = Server(port, [pid], self._registered)
            yield server
            self._registered = server.registered
