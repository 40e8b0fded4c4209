"""A PostgreSQL of its own, with the settings that Debian gives it: it syncs at each commit."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import stat
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from signal import SIGINT

from heliograph.server.ports import free_ports
from sim.peers.program import LOCALHOST, Failed, program, run

PACKAGE = "postgresql"
USER = "peer"
DATABASE = "peer"
UNPRIVILEGED = "nobody"
"""PostgreSQL does not run as root: then it runs as this user."""


@dataclass(frozen=True, slots=True)
class Postgres:
    port: int
    password: str
    pid: int

    def run_file(self, file: Path) -> None:
        """Execute a file of SQL."""
        command = [str(_binary("psql")), "-q", "-v", "ON_ERROR_STOP=1", "-f", str(file)]
        run(command, env=_environment(self.port, self.password, DATABASE))


@contextlib.contextmanager
def postgres(folder: Path) -> Iterator[Postgres]:
    """Run one on this folder, which is made if it is not there. Raises Failed."""
    new = not folder.exists()
    password_file = folder / "password"
    if new:
        folder.mkdir()
        password_file.write_text(secrets.token_urlsafe(24))
        if user := _user():
            _check_open(folder, user)
            shutil.chown(folder, user)
            shutil.chown(password_file, user)
        _init(folder / "data", password_file)
    password = password_file.read_text()
    (port,) = free_ports(1)
    asked = [str(_binary("pg_isready")), "-q", "-h", LOCALHOST, "-p", str(port)]
    command = [str(_binary("postgres")), "-D", str(folder / "data"), "-p", str(port)]
    command += ["-h", LOCALHOST, "-c", "unix_socket_directories="]

    def ready() -> bool:
        return subprocess.run(asked, check=False).returncode == 0

    with program(command, folder / "log", ready, user=_user(), end=SIGINT) as pid:
        if new:
            run([str(_binary("createdb")), DATABASE], env=_environment(port, password, "postgres"))
        yield Postgres(port, password, pid)


def _check_open(folder: Path, user: str) -> None:
    for parent in reversed(folder.parents):
        if not parent.stat().st_mode & stat.S_IXOTH:
            raise Failed(
                f"PostgreSQL runs as {user}, to whom {parent} is closed: choose another --data"
            )


def _init(data: Path, password_file: Path) -> None:
    command = [str(_binary("initdb")), "-D", str(data), "-U", USER, "--pwfile", str(password_file)]
    command += ["--auth=scram-sha-256", "--encoding=UTF8", "--locale=C"]
    run(command, user=_user(), cwd=data.parent)


def _environment(port: int, password: str, database: str) -> dict[str, str]:
    return {
        "PATH": os.environ.get("PATH", ""),
        "PGHOST": LOCALHOST,
        "PGPORT": str(port),
        "PGUSER": USER,
        "PGPASSWORD": password,
        "PGDATABASE": database,
    }


def _user() -> str | None:
    return UNPRIVILEGED if os.geteuid() == 0 else None


def _binary(name: str) -> Path:
    """Debian has a folder for each version of the server."""
    found = sorted(
        Path("/usr/lib/postgresql").glob(f"*/bin/{name}"), key=lambda path: int(path.parts[4])
    )
    if not found:
        raise Failed(f"there is no {name} in /usr/lib/postgresql")
    return found[-1]
