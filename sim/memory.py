"""What memory processes take, as the kernel adds it up."""

from __future__ import annotations

from pathlib import Path


def sizes_kb(pid: int | str) -> dict[str, int]:
    """By name, of a process (`"self"`: this one), as in its `smaps_rollup`. Raises OSError."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:]
    return {name: int(size.split()[0]) for name, _, size in (line.partition(":") for line in lines)}


def pss_kb(pid: int) -> int:
    """Proportional set size: memory of its own, and its share of what it shares."""
    found = sizes_kb(pid)
    if "Pss" not in found:
        raise OSError(f"no Pss for process {pid}")
    return found["Pss"]


def anonymous_bytes() -> int:
    """Memory of this process that no file backs: LMDB's map is the system's page cache."""
    found = sizes_kb("self")
    if "Anonymous" not in found:
        raise OSError("this system does not tell how much memory a process has")
    return found["Anonymous"] * 1024
