"""`heliograph cluster node`: run Ray on this machine as a node of a cluster that Heliograph is to
run on. It is `ray start`, told what all nodes of a cluster must be told alike, and kept running."""

from __future__ import annotations

import json
import os
import re
import socket
import stat
import sys
import traceback
from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path

from heliograph._reading import read_file
from heliograph.failing import Told
from heliograph.server.children import end_leftovers
from heliograph.server.config import NODE_FILE, TOKEN_FILE, node_temporary, ray_membership
from heliograph.server.environment import raise_file_limit, ray_environment, serve_environment
from heliograph.server.node_supervisor import CannotStart, RayNode, locked, supervise
from shells.names import DATA_VARIABLE
from shells.process import log_to

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")
TOKEN_BYTES_MIN, TOKEN_BYTES_MAX = 32, 4_096
OBJECT_STORE_BYTES = 100 * 1024 * 1024
HEAD_S_MAX = 2.0


class NodeError(Told):
    """This machine cannot become a node like this; the message says what to do."""


def prepare(data: Path, name: str, token: Path) -> None:
    """Make the data folder where it is missing, and put into it who this node is. Raises
    NodeError."""
    if not NAME.fullmatch(name):
        raise NodeError(f"{name!r} is no name for a node: letters, digits, dots and dashes")
    own = data / TOKEN_FILE
    try:
        data.mkdir(parents=True, exist_ok=True, mode=0o700)
        secret = read_file(token, TOKEN_BYTES_MAX)
        if len(secret.strip()) < TOKEN_BYTES_MIN:
            raise NodeError(f"the token in {token} is shorter than {TOKEN_BYTES_MIN} characters")
        if token.absolute() != own:
            own.touch(mode=0o600)
            own.write_bytes(secret)
        own.chmod(0o600)
        (data / NODE_FILE).write_text(json.dumps({"name": name}) + "\n")
    except OSError as error:
        raise NodeError(
            f"cannot use {error.filename}: {error.strerror}. Every node needs the same token, as "
            "made by: (umask 077; openssl rand -hex 32 > TOKEN)"
        ) from error


def make_temporary(data: Path) -> Path:
    """The folder of this node's sockets (see `config.node_temporary`), for its owner only. Raises
    NodeError."""
    folder = node_temporary(data)
    folder.mkdir(mode=0o700, exist_ok=True)
    found = folder.lstat()
    if found.st_uid != os.getuid() or not stat.S_ISDIR(found.st_mode) or found.st_mode & 0o077:
        raise NodeError(f"{folder} belongs to somebody else; have it removed")
    return folder


def node_environment(data: Path) -> dict[str, str]:
    """What Ray must find in the environment on a node, and in what connects to it there. Raises
    NodeError."""
    if not (data / NODE_FILE).exists():
        raise NodeError(
            f"{data} is of no node; start one with: heliograph cluster node --data {data}"
        )
    return {
        **ray_membership(data),
        **ray_environment(),
        **serve_environment(make_temporary(data) / "ha", 0, data),
        DATA_VARIABLE: str(data),
    }


def head_environment(data: Path) -> dict[str, str]:
    """What more it must find on the head. What Ray knows of the cluster is on the disk, so that the
    others wait for a head that is started again instead of ending with it."""
    return {
        "RAY_gcs_storage": "rocksdb",
        "RAY_gcs_storage_path": str(data / "gcs"),
        # The second autoscaler, which `ray up` asks for, starts only one of the machines that a
        # launcher file names (Ray 2.60): it goes on "adding 1 node" for ever.
        "RAY_enable_autoscaler_v2": "0",
    }


def ray_command(name: str, head: bool, options: Sequence[str]) -> list[str]:
    """The `ray start` of a node."""
    from shells.names import NODE_RESOURCE

    return [
        *(str(Path(sys.executable).with_name("ray")), "start", "--disable-usage-stats"),
        *(["--include-dashboard=false"] if head else []),
        "--include-log-monitor=false",  # nobody reads it, and it outlives a node without a head
        f"--num-cpus={max(4, os.cpu_count() or 1)}",
        f"--object-store-memory={OBJECT_STORE_BYTES}",
        f"--resources={json.dumps({NODE_RESOURCE + name: 1})}",
        *options,
    ]


def run_node(
    data: Path,
    name: str,
    token: Path,
    options: Sequence[str],
    *,
    patient: bool,
    ready: Callable[[], None],
    say: Callable[[str], None],
) -> int:
    """Keep this node running until told to stop (see `node_supervisor`); returns the exit code.
    Raises NodeError."""
    data = data.absolute()
    prepare(data, name, token)
    head = "--head" in options
    environment = {**os.environ, **node_environment(data)}
    if head:
        environment |= head_environment(data)
    raise_file_limit()
    log_to(data, "node")
    command = ray_command(name, head, options)
    try:
        with locked(data):
            end_leftovers(DATA_VARIABLE, str(data))
            output = data / "logs" / "ray-start.out"
            ray = RayNode(command, environment, output, lambda: unreachable(options))
            return supervise(name, ray, patient, ready, say)
    except CannotStart as error:
        raise NodeError(str(error)) from error


def run_detached(data: Path, run: Callable[[Callable[[], None]], int]) -> int:
    """Do it in a process that outlives this one and its terminal; come back when it says that it is
    ready: the exit code. `run(ready)` returns its exit code. What it prints goes to `node.out`."""
    log = data.absolute() / "logs" / "node.out"
    log.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    hear, say = os.pipe()
    if os.fork():
        os.close(say)
        with os.fdopen(hear, "rb") as ear:
            if ear.read():
                return 0
        sys.stderr.write(log.read_text())
        return 1
    os.setsid()
    os.close(hear)
    with open(os.devnull, "rb") as nothing, open(log, "wb") as file:
        for number, stream in enumerate((nothing, file, file)):
            os.dup2(stream.fileno(), number)

    def ready() -> None:
        os.write(say, b"ready")
        os.close(say)

    code = 1
    try:
        code = run(ready)
    except Told as error:
        sys.stderr.write(f"heliograph: {error}\n")
    except Exception:
        traceback.print_exc()
    sys.stderr.flush()
    os._exit(code)


def unreachable(options: Sequence[str]) -> str:
    """Why a node need not try to join its head; empty if there is no reason, or it is the head."""
    named = [o.removeprefix("--address=") for o in options if o.startswith("--address=")]
    named += [after for o, after in pairwise(options) if o == "--address"]
    host, _, port = (named or [""])[-1].rpartition(":")
    if not host or not port.isdigit():
        return ""
    try:
        socket.create_connection((host.strip("[]"), int(port)), HEAD_S_MAX).close()
    except OSError as error:
        return f"the head does not answer at {named[-1]} ({error})"
    return ""
