"""ejabberd of Debian: with an archive (XEP-0313) in PostgreSQL, or with nothing kept."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from heliograph.server.ports import free_ports
from sim.peers import debian
from sim.peers.postgres import DATABASE, PACKAGE, USER, Postgres, postgres
from sim.peers.program import LOCALHOST, Failed, listens, program
from sim.peers.xmpp import DOMAIN, Server

SCHEMA = Path("/usr/share/ejabberd/sql/pg.sql")
EBIN = "*/ejabberd-*/ebin/ejabberd.beam"


def settings(port: int, archive: Postgres | None) -> dict[str, Any]:
    """The configuration. No speed limits, and warnings only in the log."""
    found: dict[str, Any] = {
        "hosts": [DOMAIN],
        "loglevel": "warning",
        "listen": [{"port": port, "ip": LOCALHOST, "module": "ejabberd_c2s", "backlog": 1024}],
        "auth_method": "internal",
        "registration_timeout": "infinity",
        "modules": {"mod_register": {}},
    }
    if archive is not None:
        found["modules"]["mod_mam"] = {"db_type": "sql", "default": "always"}
        found |= {
            "sql_type": "pgsql",
            "sql_server": LOCALHOST,
            "sql_port": archive.port,
            "sql_database": DATABASE,
            "sql_username": USER,
            "sql_password": archive.password,
        }
    return found


class Ejabberd:
    def __init__(self, archive: bool) -> None:
        self.name = "ejabberd" if archive else "ejabberd-bare"
        self.keeps = "synced" if archive else "nothing"
        self.packages = ("ejabberd", *(("erlang-p1-pgsql", PACKAGE) if archive else ()))
        self._archive = archive
        self.pairs_max = 200
        self._registered = 0

    def version(self, home: Path) -> str:
        return debian.version_of("ejabberd")

    def missing(self, home: Path) -> str:
        return debian.missing(self.packages)

    def install(self, home: Path) -> None:
        debian.install(self.packages)

    @contextlib.contextmanager
    def running(self, folder: Path, home: Path) -> Iterator[Server]:
        folder.mkdir(exist_ok=True)
        with contextlib.ExitStack() as stack:
            pids = []
            database = None
            if self._archive:
                new = not (folder / "postgres").exists()
                database = stack.enter_context(postgres(folder / "postgres"))
                pids.append(database.pid)
                if new:
                    database.run_file(SCHEMA)
            (port,) = free_ports(1)
            (folder / "ejabberd.yml").write_text(json.dumps(settings(port, database)))
            pids.append(stack.enter_context(_erlang(folder, port)))
            server = Server(port, pids, self._registered)
            yield server
            self._registered = server.registered


def _erlang(folder: Path, port: int) -> contextlib.AbstractContextManager[int]:
    """A node without a name: nobody connects to it, and so no port mapper is started."""
    erl = shutil.which("erl")
    found = sorted(Path("/usr/lib").glob(EBIN))
    if erl is None or not found:
        raise Failed("there is no erl, or no ejabberd in /usr/lib")
    command = [erl, "+K", "true", "+P", "250000", "-noinput", "-mnesia", "dir"]
    command += [f'"{folder / "mnesia"}"', "-s", "ejabberd"]
    environment = os.environ | {
        "ERL_LIBS": str(found[-1].parents[2]),
        "ERL_CRASH_DUMP": str(folder / "erl_crash.dump"),
        "ERL_MAX_PORTS": "32000",
        "EJABBERD_CONFIG_PATH": str(folder / "ejabberd.yml"),
        "EJABBERD_LOG_PATH": str(folder / "ejabberd.log"),
    }
    return program(command, folder / "log", lambda: listens(port), environment=environment)
