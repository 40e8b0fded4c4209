"""Packages of Debian that peers need. Nothing that is installed here is started."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path

from sim.peers.program import Failed, run

POLICY = Path("/usr/sbin/policy-rc.d")
"""What packages ask whether they may start their services; 101 forbids it."""


def version_of(package: str) -> str:
    """The version that is installed; empty where none is."""
    if shutil.which("dpkg-query") is None:
        return ""
    asked = ["dpkg-query", "--show", "--showformat=${db:Status-Status} ${Version}", package]
    said = subprocess.run(asked, capture_output=True, text=True, check=False).stdout.split()
    return said[1] if said[:1] == ["installed"] else ""


def missing(packages: Sequence[str]) -> str:
    """Which of them are not installed."""
    return ", ".join(package for package in packages if not version_of(package))


def install(packages: Sequence[str]) -> None:
    """Install them, if one is missing. Raises Failed."""
    if not missing(packages):
        return
    if shutil.which("apt-get") is None or os.geteuid() != 0:
        raise Failed(f"only root of a Debian can install {missing(packages)}")
    quiet = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    with _nothing_starts():
        run(["apt-get", "update"], env=quiet)
        run(["apt-get", "install", "--yes", "--no-install-recommends", *packages], env=quiet)


@contextlib.contextmanager
def _nothing_starts() -> Iterator[None]:
    if POLICY.exists():  # its owner has decided
        yield
        return
    POLICY.write_text("#!/bin/sh\nexit 101\n")
    POLICY.chmod(0o755)
    try:
        yield
    finally:
        POLICY.unlink()
