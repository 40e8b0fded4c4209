"""Several machines on this one, for tests of clusters: each has its own network address, processes,
host name, /tmp, home folder and ssh server, and a cable to a switch that the operator is on too.

A machine is a set of Linux namespaces around one ssh server, which is process 1 in there. Nothing
outlives the test: if the test process dies, however it dies, the kernel kills each process 1 and so
all of the machine, network and mounts included. Only folders can be left; the next bench removes
them. Nothing of the system around is changed: no interface, route, mount or file of it.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import psutil
import pytest

from tests.integration.machine_folders import (
    DATA,
    HOME,
    PREFIX,
    SYSTEM_PATH,
    environment,
    furnish,
    remove_leftovers,
)
from tests.integration.running import HANGS_S, ROOT, wait_for

TOOLS = (
    "ip",
    "nft",
    "unshare",
    "nsenter",
    "setpriv",
    "mount",
    "sshd",
    "ssh",
    "ssh-keygen",
    "rsync",
)
PACKAGES = "iproute2 nftables util-linux mount openssh-server openssh-client rsync"
NAMESPACES = ("--net", "--pid", "--mount", "--uts", "--ipc")
TRIAL = "ip link add name br0 type bridge && ip link add v0 type veth && nft add table inet trial"
NETWORK = "10.77.0"
"""Addresses exist in the bench's own namespaces only, so they meet nobody else's."""

BOOT = """
set -e
cd "$1"
mount --bind "$2" /srv
mount --bind /srv/tmp /tmp
case "$1" in /tmp/*) mkdir -p "$1"; mount --no-canonicalize --bind . "$1";; esac
mount --bind /srv/hosts /etc/hosts
mount --bind /srv/passwd /etc/passwd
mount -t tmpfs tmpfs /run
mount -t tmpfs tmpfs /dev/shm
mkdir /run/sshd
hostname "$3"
ip link set lo up
cd /
exec "$(command -v sshd)" -D -e -f /srv/sshd_config
"""
"""What becomes process 1 of a machine: `BOOT checkout folder name`."""


def missing() -> str:
    """Why there can be no machines here; empty if there can."""
    if os.geteuid() != 0:
        return "machines need root"
    lacking = [tool for tool in TOOLS if shutil.which(tool, path=SYSTEM_PATH) is None]
    if lacking:
        return f"machines need {', '.join(lacking)} (Debian: {PACKAGES})"
    tried = subprocess.run(
        ["unshare", *NAMESPACES, "--fork", "sh", "-c", TRIAL],
        capture_output=True,
        text=True,
        check=False,
    )
    return f"machines need namespaces: {tried.stderr.strip()}" if tried.returncode else ""


class Machine:
    """One machine. `folder` is what it sees as /srv."""

    def __init__(self, name: str, number: int, folder: Path, switch: Machine | None) -> None:
        self.name = name
        self.address = f"{NETWORK}.{number}"
        self.folder = folder
        self._port = f"port{number}"
        self._switch = switch
        self._booted: subprocess.Popen[bytes] | None = None

    @property
    def data(self) -> Path:
        """Its `/srv/heliograph`, as seen from here, while it is on."""
        return Path(f"/proc/{self.pid}/root{DATA}")

    def boot(self) -> None:
        """Turn it on, as it is first or after `kill`; its folders are as they were."""
        unshare = ["unshare", *NAMESPACES, "--fork", "--mount-proc", "--kill-child=KILL"]
        boot = ["sh", "-c", BOOT, "boot", str(ROOT), str(self.folder), self.name]
        with open(self.folder / "console", "ab") as console:
            self._booted = subprocess.Popen(
                ["setpriv", "--pdeathsig", "KILL", *unshare, *boot],
                stdin=subprocess.DEVNULL,
                stdout=console,
                stderr=subprocess.STDOUT,
                env=environment(),
                start_new_session=True,
            )
        wait_for(self._is_up)
        self._plug_in()

    def _is_up(self) -> bool:
        assert self._booted is not None
        if self._booted.poll() is not None:
            raise AssertionError(f"{self.name}: {(self.folder / 'console').read_text()[-2000:]}")
        with contextlib.suppress(psutil.NoSuchProcess, IndexError):
            return "sshd" in psutil.Process(self.pid).name()
        return False

    def _plug_in(self) -> None:
        if self._switch is None:
            return
        card = f"eth0 address 02:00:00:00:00:{self.address.rpartition('.')[2]} netns {self.pid}"
        peer = f"ip link add {self._port} type veth peer name {card}"
        in_network(self._switch, f"{peer}; ip link set {self._port} master br0 up")
        in_network(self, f"ip addr add {self.address}/24 dev eth0; ip link set eth0 up")

    @property
    def pid(self) -> int:
        """Process 1, as seen from here."""
        assert self._booted is not None, f"{self.name} is off"
        return psutil.Process(self._booted.pid).children()[0].pid

    def command(self, *arguments: str) -> list[str]:
        """The command line that runs a command there."""
        # The shell stays outside as the parent. nsenter would, too, but it stops with its child.
        script = f'cd {HOME}; "$@"; exit $?'
        within = ["nsenter", f"--target={self.pid}", *NAMESPACES, "--no-fork", "--"]
        return [*within, "sh", "-c", script, "sh", *arguments]

    def run(
        self, *arguments: str, check: bool = True, timeout_s: float = 120, stdin: str = ""
    ) -> subprocess.CompletedProcess[str]:
        """Run a command there; its output is text, both streams together."""
        done = subprocess.run(
            self.command(*arguments),
            input=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=timeout_s,
            check=False,
            env=environment(),
        )
        assert not check or done.returncode == 0, f"{arguments} on {self.name}:\n{done.stdout}"
        return done

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """Start a command there; its output is text, both streams together."""
        return subprocess.Popen(
            self.command(*arguments),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=environment(),
        )

    def processes(self, title: str = "") -> list[psutil.Process]:
        """Its processes whose command line begins so (but the ssh server), the oldest first."""
        own = os.stat(f"/proc/{self.pid}/ns/pid").st_ino
        found = []
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.NoSuchProcess, OSError):
                here = os.stat(f"/proc/{process.pid}/ns/pid").st_ino == own
                if here and " ".join(process.cmdline()).startswith(title):
                    found.append(process)
        return sorted(
            (process for process in found if process.pid != self.pid), key=lambda p: p.create_time()
        )

    def raylets(self, but: Sequence[psutil.Process] = ()) -> list[psutil.Process]:
        """Of its processes, but these, the raylets: one while it is a node."""
        found = []
        for process in self.processes():
            with contextlib.suppress(psutil.NoSuchProcess):
                if process not in but and process.name() == "raylet":
                    found.append(process)
        return found

    def kill_one(self, title: str) -> int:
        """kill -9 of the oldest process with that title; returns its pid, as seen from here."""
        process = self.processes(title)[0]
        process.kill()
        process.wait(HANGS_S)
        return process.pid

    def pause(self) -> None:
        """Stop the clockwork of all its processes."""
        for process in self.processes():
            with contextlib.suppress(psutil.NoSuchProcess):
                process.suspend()

    def resume(self) -> None:
        """Let them go on."""
        for process in self.processes():
            with contextlib.suppress(psutil.NoSuchProcess):
                process.resume()

    def kill(self) -> None:
        """Cut the power: nobody hears that its connections end. `boot` turns it on again."""
        if self._booted is None:
            return
        if self._switch is not None and self._booted.poll() is None:
            in_network(self._switch, f"ip link del {self._port}")
        with contextlib.suppress(psutil.NoSuchProcess, IndexError):
            os.kill(self.pid, signal.SIGKILL)
        self._booted.wait(HANGS_S)
        self._booted = None

    def stop_hearing(self, other: Machine) -> None:
        """Cut the line from `other` to here; the way back still works."""
        in_network(
            self,
            "nft add table inet cut; "
            "nft 'add chain inet cut input { type filter hook input priority 0; }'; "
            f"nft add rule inet cut input ip saddr {other.address} drop",
        )

    def hear_all(self) -> None:
        """Mend what `stop_hearing` cut."""
        in_network(self, "nft add table inet cut; nft delete table inet cut")

    def small_disk(self, path: str, size: int) -> None:
        """Put a file system of so many bytes there."""
        self.run("sh", "-c", f"mkdir -p {path} && mount -t tmpfs -o size={size} tmpfs {path}")

    def image_disk(self, path: str, size: int) -> None:
        """Put an ext4 file system of so many bytes there, in a file on a loop device. Turning the
        machine off takes it away."""
        image = f"/srv/disk{path.replace('/', '-')}"
        self.run(
            "sh",
            "-ec",
            f"mkdir -p {path}; truncate -s {size} {image}; mkfs.ext4 -q -F -m 0 {image}; "
            f"mount -o loop {image} {path}; rmdir {path}/lost+found",
        )

    def fill(self, path: str) -> None:
        """Leave no room on the file system there."""
        for size in ("1M", "4k"):  # what is set aside for metadata is given back by the sync
            into = ("dd", "if=/dev/zero", f"of={path}/filler", "oflag=append", "conv=notrunc,fsync")
            filled = self.run(*into, f"bs={size}", check=False)
            assert "No space left" in filled.stdout, filled.stdout

    def make_room(self, path: str) -> None:
        """Undo `fill`."""
        self.run("rm", "-f", f"{path}/filler")


def cut(one: Machine, other: Machine) -> None:
    """Cut the line between two machines, both ways."""
    one.stop_hearing(other)
    other.stop_hearing(one)


def in_network(machine: Machine, script: str) -> None:
    """Run commands in a machine's network, with the tools and the processes of this one."""
    done = subprocess.run(
        ["nsenter", f"--target={machine.pid}", "--net", "sh", "-ec", script],
        capture_output=True,
        text=True,
        check=False,
        env=environment(),
    )
    assert done.returncode == 0, f"{script}: {done.stderr}"


@contextlib.contextmanager
def machines(count: int) -> Iterator[tuple[Machine, list[Machine]]]:
    """The operator's machine, and `count` others that it reaches by ssh with `~/.ssh/id_ed25519`.
    Skips the test where there can be none."""
    reason = missing()
    if reason:
        pytest.skip(reason)
    remove_leftovers()
    with contextlib.ExitStack() as stack:
        top = Path(tempfile.mkdtemp(prefix=f"{PREFIX}{os.getpid()}-"))
        stack.callback(shutil.rmtree, top, ignore_errors=True)
        operator = Machine("operator", 1, top / "operator", None)
        others = [Machine(f"node-{n}", 10 + n, top / f"node-{n}", operator) for n in range(count)]
        furnish([operator, *others])
        for machine in [operator, *others]:
            stack.callback(_off(machine))
            machine.boot()
            if machine is operator:
                address = f"ip addr add {operator.address}/24 dev br0"
                in_network(operator, f"ip link add br0 type bridge; {address}; ip link set br0 up")
        yield operator, others


def _off(machine: Machine) -> Callable[[], None]:
    def off() -> None:
        machine._switch = None  # it goes down with the rest
        machine.kill()

    return off
