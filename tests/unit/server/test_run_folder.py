"""Folders of runs: made locked, and removed by the next start when nobody holds them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from heliograph.server import run_folder


def test_what_a_killed_run_has_left_is_removed_and_what_lives_is_kept(tmp_path: Path) -> None:
    killed, alive = run_folder.make(tmp_path), run_folder.make(tmp_path)
    (killed.path / "ray").mkdir()
    (killed.path / "ray" / "session").write_text("x")
    os.close(killed.lock)  # as the system does it for a process that was killed
    assert run_folder.sweep(tmp_path) == [killed.path]
    assert [*tmp_path.iterdir()] == [alive.path]
    alive.remove()
    assert [*tmp_path.iterdir()] == []


def test_a_run_lives_as_long_as_a_process_that_was_given_its_lock(tmp_path: Path) -> None:
    run = run_folder.make(tmp_path)
    child = subprocess.Popen(
        [sys.executable, "-c", "input()"], stdin=subprocess.PIPE, pass_fds=[run.lock]
    )
    os.close(run.lock)
    assert run_folder.sweep(tmp_path) == []
    child.communicate(b"\n")
    assert run_folder.sweep(tmp_path) == [run.path]


def test_folders_of_others_are_left_alone(tmp_path: Path) -> None:
    """One without a lock is still being made, or somebody else's; links lead anywhere."""
    (tmp_path / "hg-being-made").mkdir()
    (tmp_path / "hg-being-made" / "lock.new").touch()
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "lock").touch()
    (tmp_path / "hg-link").symlink_to(tmp_path / "other")
    (tmp_path / "hg-linked-lock").mkdir()
    (tmp_path / "hg-linked-lock" / "lock").symlink_to(tmp_path / "other" / "lock")
    before = sorted(tmp_path.glob("**/*"))
    assert run_folder.sweep(tmp_path) == []
    assert sorted(tmp_path.glob("**/*")) == before
