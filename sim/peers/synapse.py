"""Synapse of PyPI, in an environment of its own, on PostgreSQL. One process, as installed."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from heliograph.server.ports import free_ports
from sim.peers import debian
from sim.peers.matrix import Account, Server
from sim.peers.postgres import DATABASE, PACKAGE, USER, Postgres, postgres
from sim.peers.program import LOCALHOST, program, run

PACKAGES = (PACKAGE, "libpq-dev", "gcc")
"""Its driver of PostgreSQL is compiled."""
PYPI = "matrix-synapse[postgres]"
UNLIMITED = {"per_second": 1e9, "burst_count": 1_000_000_000}
DOMAIN = "localhost"


def settings(folder: Path, port: int, database: Postgres) -> dict[str, Any]:
    """The configuration. No rate limits, warnings only in the log, and passwords that are hashed
    quickly, because they are not measured."""
    return {
        "server_name": DOMAIN,
        "pid_file": str(folder / "homeserver.pid"),
        "listeners": [
            {
                "port": port,
                "type": "http",
                "bind_addresses": [LOCALHOST],
                "resources": [{"names": ["client"], "compress": False}],
            }
        ],
        "database": {
            "name": "psycopg2",
            "args": {
                "user": USER,
                "password": database.password,
                "dbname": DATABASE,
                "host": LOCALHOST,
                "port": database.port,
                "cp_min": 5,
                "cp_max": 10,
            },
        },
        "log_config": str(folder / "log.json"),
        "media_store_path": str(folder / "media"),
        "signing_key_path": str(folder / "signing.key"),
        "trusted_key_servers": [],
        "suppress_key_server_warning": True,
        "report_stats": False,
        "enable_registration": True,
        "enable_registration_without_verification": True,
        "bcrypt_rounds": 4,
        "rc_message": UNLIMITED,
        "rc_registration": UNLIMITED,
        "rc_room_creation": UNLIMITED,
        "rc_login": dict.fromkeys(("address", "account", "failed_attempts"), UNLIMITED),
        "rc_joins": dict.fromkeys(("local", "remote"), UNLIMITED),
        "rc_joins_per_room": UNLIMITED,
        "rc_invites": dict.fromkeys(("per_room", "per_user", "per_issuer"), UNLIMITED),
    }


def logging(folder: Path) -> dict[str, Any]:
    file = {"class": "logging.FileHandler", "filename": str(folder / "homeserver.log")}
    return {
        "version": 1,
        "handlers": {"file": file},
        "root": {"level": "WARNING", "handlers": ["file"]},
        "disable_existing_loggers": False,
    }


class Synapse:
    name = "synapse"
    keeps = "synced"
    pairs_max = 20
    """A room takes it a second and more."""

    def __init__(self) -> None:
        self._accounts: list[Account] = []

    def version(self, home: Path) -> str:
        asked = "import importlib.metadata as m; print(m.version('matrix-synapse'))"
        try:
            said = subprocess.run(
                [_python(home), "-c", asked], capture_output=True, text=True, check=False
            )
        except OSError:
            return ""
        return said.stdout.strip()

    def missing(self, home: Path) -> str:
        missing = debian.missing((PACKAGE,))
        return ", ".join(filter(None, (missing, "" if self.version(home) else "matrix-synapse")))

    def install(self, home: Path) -> None:
        debian.install(PACKAGES)
        run([sys.executable, "-m", "venv", str(home / "synapse")])
        run([_python(home), "-m", "pip", "install", "--quiet", PYPI])

    @contextlib.contextmanager
    def running(self, folder: Path, home: Path) -> Iterator[Server]:
        folder.mkdir(exist_ok=True)
        (port,) = free_ports(1)
        with postgres(folder / "postgres") as database:
            configuration = folder / "homeserver.json"
            configuration.write_text(json.dumps(settings(folder, port, database)))
            (folder / "log.json").write_text(json.dumps(logging(folder)))
            command = [_python(home), "-m", "synapse.app.homeserver", "-c", str(configuration)]
            run([*command, "--generate-keys"], cwd=folder)
            with program(command, folder / "log", lambda: _healthy(port)) as pid:
                yield Server(port, [pid, database.pid], self._accounts)


def _python(home: Path) -> str:
    return str(home / "synapse" / "bin" / "python")


def _healthy(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://{LOCALHOST}:{port}/health", timeout=2) as response:
            return bool(response.status == 200)
    except (urllib.error.URLError, OSError):
        return False
