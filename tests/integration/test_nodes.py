"""`heliograph up --nodes`: several Ray nodes on this machine, each with a host and a folder."""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
from pathlib import Path

import psutil
import pytest

import heliograph
from api import limits
from heliograph.server.handover import RAYLET_VARIABLE
from shells.names import NODE_RESOURCE
from tests.integration.running import RunningServer, check, result_of, verify, wait_for
from tests.integration.under_load import on_server

pytestmark = [pytest.mark.real, pytest.mark.timeout(400)]

OPTIONS = None


@pytest.mark.soak
@pytest.mark.parametrize(
    ("options", "host"),
    [((), "ray::NodeReplicatedHost"), (("--copies", "1"), "ray::NodeHost")],
    ids=["three copies", "one copy"],
)
def test_a_cluster_on_one_machine(folder: Path, options: tuple[str, ...], host: str) -> None:
    """A host is killed, all is stopped, and it goes on; nothing is left running."""
    server = RunningServer(folder, "--nodes", "3", *options).start()
    raylets = [process for process in server.family() if "raylet" in process.name()]
    assert len(raylets) == len(server.pids(host)) == 3

    def kill() -> None:
        pid = server.kill_one(host)
        wait_for(lambda: pid not in (pids := server.pids(host)) and len(pids) == 3)

    under_load = on_server(server)
    under_load(kill)
    under_load.end()
    server.stop()
    verify(server)
    server.start()
    check(result_of(server.load("--pairs", "5", "--rate", "100", "--seconds", "2")))
    server.stop()


def test_files_outlive_a_node(folder: Path) -> None:
    """With two copies on three nodes, the raylet of one is killed, and it comes back; another one
    is lost for good: each file can still be read, and others be sent. It stops cleanly also while
    a node is being started."""
    server = RunningServer(folder, "--nodes", "3", "--copies", "2").start()
    draw = random.Random(4)
    sizes = [1, 70_000, *[draw.randrange(6 * limits.PART_BYTES) for _ in range(10)]]
    contents = [draw.randbytes(size) for size in sizes]

    async def send_and_read() -> None:
        patient = heliograph.Timeouts(call_s=120.0)
        async with heliograph.Client(server.url, timeouts=patient) as client:
            await client.register("keeper", "password of the keeper")
            notes = await client.open_private(client.user_id)
            before = [(await client.send_file(notes.id, content)).id for content in contents[:-3]]
            await asyncio.to_thread(kill_raylet, server, 1)
            await asyncio.to_thread(lose_node, server, 2)
            after = [(await client.send_file(notes.id, content)).id for content in contents[-3:]]
            for message in await client.messages(notes.id, before + after):
                got = await client.download(message, folder.parent / "got")
                expected = contents[(before + after).index(message.id)]
                assert await asyncio.to_thread(got.read_bytes) == expected

    asyncio.run(send_and_read())
    raylet_of(server, 1).kill()
    wait_for(lambda: bool(raylets_of(server, 1)))
    server.stop()


def lose_node(server: RunningServer, number: int) -> None:
    """kill -9 of all that runs on it, and its disk is gone: Ray is started there again, and finds
    nothing that could go on."""
    raylet = raylet_of(server, number)
    (server.data / f"node-{number}").rename(server.data / "lost")
    lost = [raylet, *workers_of(server, raylet)]
    assert any("MediaActor" in " ".join(process.cmdline()) for process in lost)
    for process in lost:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
    psutil.wait_procs(lost, timeout=10)


def kill_raylet(server: RunningServer, number: int) -> None:
    """kill -9 of what Ray's processes of a node belong to: they end, none of them goes on as an
    orphan, and the node comes back by itself, with its host."""
    raylet = raylet_of(server, number)
    orphans = workers_of(server, raylet)
    assert any("ray::NodeReplicatedHost" in " ".join(process.cmdline()) for process in orphans)
    raylet.kill()
    psutil.wait_procs([raylet, *orphans])
    wait_for(lambda: len(raylets_of(server, number)) == 1)
    wait_for(lambda: all_well(server))
    text = (server.data / "logs/server.jsonl").read_text()
    told = [json.loads(line) for line in text.splitlines()]
    lines = [line["message"] for line in told if line["level"] == "WARNING"]
    assert f"node-{number} is down: its raylet was killed by SIGKILL" in lines


def all_well(server: RunningServer) -> bool:
    done = server.run("admin", "cluster", "--data", str(server.data), "--json")
    return done.returncode == 0


def raylet_of(server: RunningServer, number: int) -> psutil.Process:
    [raylet] = raylets_of(server, number)
    return raylet


def workers_of(server: RunningServer, raylet: psutil.Process) -> list[psutil.Process]:
    """What it has started, or had started."""
    found = []
    for process in server.family():
        with contextlib.suppress(psutil.Error):
            if process.environ().get(RAYLET_VARIABLE) == str(raylet.pid):
                found.append(process)
    return found


def raylets_of(server: RunningServer, number: int) -> list[psutil.Process]:
    return [process for process in server.family() if _is_raylet_of(process, number)]


def _is_raylet_of(process: psutil.Process, number: int) -> bool:
    with contextlib.suppress(psutil.Error):  # it has ended meanwhile
        command = " ".join(process.cmdline())
        return "raylet" in process.name() and f"{NODE_RESOURCE}node-{number}" in command
    return False


def test_a_folder_that_was_made_without_nodes_is_refused(folder: Path) -> None:
    (folder / "host-0").mkdir(parents=True)
    other = RunningServer(folder)
    ports = ["--port", str(other.port), "--ws-port", str(other.ws_port)]
    refused = other.run("up", "--data", str(folder), "--nodes", "3", *ports)
    assert refused.returncode == 2
    assert "was made without --nodes" in refused.stderr
