"""What the machines of `machines.py` have on their disks, and what their commands find."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

if TYPE_CHECKING:
    from tests.integration.machines import Machine

SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
PREFIX = "hg-machines-"
HOME, DATA = "/srv/home", "/srv/heliograph"
FOLDERS_LOOKED_AT_MAX = 100

SSHD_CONFIG = """
HostKey /srv/host_key
AuthorizedKeysFile /srv/authorized_keys
PermitRootLogin prohibit-password
StrictModes no
UsePAM no
PidFile none
"""


def environment() -> Mapping[str, str]:
    """What a command on a machine finds: nothing of the test's own, but where Python is."""
    path = f"{Path(sys.executable).parent}:{SYSTEM_PATH}"
    return {"PATH": path, "HOME": HOME, "LANG": "C.UTF-8", "USER": "root", "SHELL": "/bin/bash"}


def furnish(all_machines: list[Machine]) -> None:
    """Make their folders: home, /tmp, keys that let the operator in, and a few files of /etc."""
    keys = all_machines[0].folder.parent
    for name in ("operator_key", "host_key"):
        made = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(keys / name)]
        subprocess.run(made, check=True, env=environment())
    known = [f"{machine.address} {machine.name}" for machine in all_machines]
    users = Path("/etc/passwd").read_text().replace(":/root:", f":{HOME}:")
    for machine in all_machines:
        for name in ("tmp", "home/.ssh"):
            (machine.folder / name).mkdir(parents=True)
        (machine.folder / "tmp").chmod(0o1777)
        own = {
            "hosts": "\n".join(["127.0.0.1 localhost", *known, ""]),
            "passwd": users,
            "sshd_config": SSHD_CONFIG,
            "home/.bashrc": f"export PATH={environment()['PATH']}\n",
        }
        for name, text in own.items():
            (machine.folder / name).write_text(text)
        shutil.copy(keys / "host_key", machine.folder / "host_key")
        shutil.copy(keys / "operator_key.pub", machine.folder / "authorized_keys")
    shutil.copy(keys / "operator_key", all_machines[0].folder / "home/.ssh/id_ed25519")


def remove_leftovers() -> None:
    """Remove the folders of benches whose process is gone."""
    for folder in sorted(Path(tempfile.gettempdir()).glob(f"{PREFIX}*"))[:FOLDERS_LOOKED_AT_MAX]:
        pid = folder.name.removeprefix(PREFIX).split("-")[0]
        if pid.isdigit() and not psutil.pid_exists(int(pid)):
            shutil.rmtree(folder, ignore_errors=True)
