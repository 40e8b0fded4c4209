"""What a worker that was taken over, or a program, can still do."""

from __future__ import annotations

import errno
import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from media.look import kernel
from media.look.looker import ZYGOTE
from media.look.sandbox import OUTPUT_BYTES_MAX
from media.look.slot import Slot
from media.look.types import Finding, Inspect, Run, Sound
from tests.unit.look import attacker

REFUSED = {errno.EPERM, errno.EACCES}

needs_landlock = pytest.mark.skipif(not kernel.landlock_version(), reason="no Landlock")


class Box:
    """A slot with an input and an output."""

    def __init__(self, slot: Slot, folder: Path) -> None:
        self.slot = slot
        self.input = folder / "input"
        self.input.write_bytes(b"what was sent")
        self.victim = folder / "victim"
        self.victim.touch(0o600)
        self.prize = folder / "attack"
        self.out = (folder / "output").open("w+b")

    def run(self, job: Inspect | Run, seconds: float = 60) -> tuple[list[Finding], int | None]:
        source = os.open(self.input, os.O_RDONLY)
        try:
            return self.slot.run(job, source, self.out.fileno(), seconds)
        finally:
            os.close(source)

    def attack(self, name: str, seconds: float = 60) -> int | None:
        """The number of the error that it came to, None if nothing was told."""
        found, _ = self.run(Inspect(name, False), seconds)
        assert all(isinstance(finding, Sound) for finding in found)
        return found[0].duration_ms if found else None  # type: ignore[union-attr]


def box(folder: Path, *command: str) -> Iterator[Box]:
    slot = Slot(command)
    made = Box(slot, folder)
    yield made
    slot.end()
    made.out.close()


@pytest.fixture(scope="module")
def taken(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Box]:
    """Workers that were taken over."""
    folder = tmp_path_factory.mktemp("taken")
    yield from box(folder, sys.executable, attacker.__file__, str(folder))


@pytest.fixture(scope="module")
def honest(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Box]:
    yield from box(tmp_path_factory.mktemp("honest"), *ZYGOTE)


def test_the_tests_can_tell(taken: Box) -> None:
    assert taken.attack("nothing") == attacker.DONE


@pytest.mark.parametrize(
    "what",
    [
        "passwd", "input again", "list", "write", "remove", "socket", "unix socket", "fork",
        "program", "kill parent", "leave", "memory file", "raise a limit", "limit the parent",
    ],
)  # fmt: skip
def test_a_worker_is_refused(taken: Box, what: str) -> None:
    assert taken.attack(what) in REFUSED
    assert taken.victim.exists()
    assert not taken.prize.exists()


def test_the_input_is_not_changed(taken: Box) -> None:
    assert taken.attack("change the input") == errno.EBADF


@pytest.mark.parametrize("what", ["passwd", "list", "write", "remove"])
@pytest.mark.parametrize("without", ["no-seccomp", "no-landlock"])
def test_each_layer_alone_closes_the_file_system(tmp_path: Path, without: str, what: str) -> None:
    if without == "no-seccomp" and not kernel.landlock_version():
        pytest.skip("no Landlock")
    for one in box(tmp_path, sys.executable, attacker.__file__, str(tmp_path), without):
        assert one.attack("nothing") == attacker.DONE
        assert one.attack(what) in REFUSED


@pytest.mark.parametrize("what", ["passwd", "socket", "raise a limit", "kill parent", "program"])
def test_a_machine_that_allows_no_namespaces(tmp_path: Path, what: str) -> None:
    for one in box(tmp_path, sys.executable, attacker.__file__, str(tmp_path), "no-namespace"):
        assert one.attack("nothing") == attacker.DONE
        assert one.attack(what) in REFUSED
        process = one.slot._process
        assert process is not None
        assert "CapEff:\t0000000000000000" in Path(f"/proc/{process.pid}/status").read_text()


def test_without_both_nothing_is_done(tmp_path: Path) -> None:
    everything = (sys.executable, attacker.__file__, str(tmp_path), "no-seccomp", "no-landlock")
    for one in box(tmp_path, *everything):
        assert one.run(Inspect("nothing", False)) == ([], 1 << 8)


def test_memory_is_limited(taken: Box) -> None:
    assert taken.attack("memory") == errno.ENOMEM


def test_output_is_limited(taken: Box) -> None:
    assert taken.attack("output") == errno.EFBIG
    assert os.fstat(taken.out.fileno()).st_size <= OUTPUT_BYTES_MAX
    taken.out.truncate(0)


def test_processor_time_is_limited(taken: Box) -> None:
    found, status = taken.run(Inspect("spin", False))
    assert found == []
    assert status is not None
    assert os.WIFSIGNALED(status)
    assert os.WTERMSIG(status) in (signal.SIGKILL, signal.SIGXCPU)


@pytest.mark.parametrize("what", ["wait", "close and stay"])
def test_a_worker_that_waits_is_killed(taken: Box, what: str) -> None:
    assert taken.attack("nothing") == attacker.DONE  # so that the start is not counted
    assert taken.run(Inspect(what, False), 0.2) == ([], None)
    assert taken.attack("nothing") == attacker.DONE


def test_findings_are_limited(taken: Box) -> None:
    assert taken.run(Inspect("babble", False)) == ([], None)
    assert taken.attack("nothing") == attacker.DONE


@pytest.mark.parametrize("what", ["random", "long length", "deep", "bad mime", "long waveform"])
def test_findings_that_are_none(taken: Box, what: str) -> None:
    assert taken.run(Inspect(what, False)) == ([], 0)


@pytest.mark.parametrize("what", ["abort", "segfault"])
def test_a_crash(taken: Box, what: str) -> None:
    found, status = taken.run(Inspect(what, False))
    assert found == []
    assert status is not None
    assert os.WIFSIGNALED(status)


def test_a_zygote_that_cannot_start(tmp_path: Path) -> None:
    for one in box(tmp_path, sys.executable, "-c", ""):
        assert one.run(Inspect("nothing", False)) == ([], None)


def test_the_zygote_ends_with_its_owner(tmp_path: Path) -> None:
    for one in box(tmp_path, *ZYGOTE):
        one.run(Inspect("nothing", False))
        process = one.slot._process
        assert process is not None
        assert one.slot._jobs is not None
        one.slot._jobs.close()
        assert process.wait(30) == 0


# --- programs -------------------------------------------------------------------------------------

PYTHON = "/usr/bin/python3"


def output(one: Box, *command: str) -> tuple[str, int | None]:
    one.out.truncate(0)
    one.out.seek(0)
    _, status = one.run(Run([os.path.realpath(command[0]), *command[1:]]))
    return os.pread(one.out.fileno(), 4096, 0).decode(), status


@needs_landlock
def test_a_program_reads_its_input(honest: Box) -> None:
    assert output(honest, "/bin/cat", "/proc/self/fd/3") == ("what was sent", 0)


@needs_landlock
@pytest.mark.parametrize(
    "command",
    [
        ["/bin/cat", "/etc/passwd"],
        ["/bin/ls", "/"],
        ["/bin/cp", "/proc/self/fd/3", "{prize}"],
        ["/bin/rm", "-f", "{victim}"],
        ["/bin/chmod", "777", "{victim}"],
        ["/usr/bin/env", "/bin/echo", "hello"],
        ["/bin/sh", "-c", "(echo hello)"],
    ],
)
def test_a_program_does_nothing_else(honest: Box, command: list[str]) -> None:
    paths = {"victim": honest.victim, "prize": honest.prize}
    text, status = output(honest, *(word.format_map(paths) for word in command))
    assert text == ""
    assert status
    assert honest.victim.stat().st_mode & 0o777 == 0o600
    assert not honest.prize.exists()


@needs_landlock
@pytest.mark.skipif(not os.path.exists(PYTHON), reason="no Python there")
@pytest.mark.parametrize("kind", ["AF_INET", "AF_INET6", "AF_UNIX", "AF_NETLINK"])
def test_a_program_has_no_sockets(honest: Box, kind: str) -> None:
    code = f"import socket\nprint(1, flush=True)\nsocket.socket(socket.{kind})\nprint(2)"
    text, status = output(honest, PYTHON, "-I", "-c", code)
    assert text == "1\n"
    assert status


@needs_landlock
def test_the_network_is_empty(honest: Box) -> None:
    """Where the machine lets users have one of their own."""
    output(honest, "/bin/true")
    namespace = Path(f"/proc/{honest.slot._process.pid}/ns/net")  # type: ignore[union-attr]
    if os.system("unshare -Un true 2>/dev/null"):
        pytest.skip("no user namespaces")
    assert os.readlink(namespace) != os.readlink("/proc/self/ns/net")
