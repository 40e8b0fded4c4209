"""What has died is reaped, and what it has left is ended; with processes, but without Ray."""

from __future__ import annotations

import subprocess
import sys

SCRIPT = """
import os, signal, subprocess, sys, time
import psutil
from heliograph.server.children import adopt_orphans, end_workers_of, how, reap

adopt_orphans()
raylet = subprocess.Popen(["sh", "-c", "sleep 1000 & echo $!; exec sleep 1000"],
    stdout=subprocess.PIPE, text=True)
stray = int(raylet.stdout.readline())
worker = subprocess.Popen(["sleep", "1000"], env={"RAY_RAYLET_PID": str(raylet.pid)})
other = subprocess.Popen(["sleep", "1000"], env={"RAY_RAYLET_PID": "1"})
assert reap() == {}
raylet.kill()
while not (codes := reap()):
    pass
assert codes == {raylet.pid: -signal.SIGKILL}, codes
assert not psutil.pid_exists(raylet.pid), "nobody takes it for alive"
assert how(codes[raylet.pid]) == "was killed by SIGKILL"
assert psutil.Process(stray).ppid() == os.getpid(), "its children come here"
end_workers_of(raylet.pid)
assert not psutil.pid_exists(worker.pid)
assert other.poll() is None
other.kill()
other.wait()
os.kill(stray, signal.SIGKILL)
"""


def test_a_dead_raylet_is_reaped_and_its_workers_end() -> None:
    """In a process of its own, which is a reaper."""
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
