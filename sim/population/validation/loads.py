"""The loads that are predicted and measured: those that the calibration sees, and those that it
does not. Pure."""

from __future__ import annotations

from msgspec import Struct

from heliograph.failing import Told

SECONDS = 6.0
ROUNDS = 5
STORM_AT_S = 1.0


class Load(Struct, frozen=True):
    """Chats of so many members that get a `share` of the capacity, counted in deliveries and the
    sender's own turn; or `idle` connections, which a `storm` takes all at once. `held_out`: the
    calibration has not seen it."""

    name: str
    text: str
    held_out: bool = True
    share: float = 0.0
    chats: int = 50
    size: int = 2
    idle: int = 0
    storm: bool = False

    def rate(self, capacity_per_s: float) -> float:
        """Messages a second; `capacity_per_s`: of those in private chats."""
        return round(capacity_per_s * self.share * 2 / self.size, 1)


def _pairs(percent: int, held_out: bool) -> Load:
    return Load(str(percent), f"{percent} % of capacity", held_out, percent / 100)


LOADS = (
    Load("idle", "10,000 idle connections", idle=10_000),
    Load("storm", "2,000 connections come back at once", idle=2_000, storm=True),
    *(_pairs(percent, False) for percent in (20, 50, 80)),
    *(_pairs(percent, True) for percent in (10, 35, 65, 90, 120)),
    Load("group", "groups of 10", share=0.5, chats=20, size=10),
)
"""Connections come first: what messages leave in memory is not theirs."""
SEEN_STORM = Load("storm of 500", "500 connections come back at once", False, idle=500, storm=True)
SEEN = tuple(load for load in LOADS if not load.held_out)


def named(names: str) -> tuple[Load, ...]:
    """Of these names, with commas between; all, if there are none. Raises Told."""
    if not names:
        return LOADS
    known = {load.name: load for load in LOADS}
    asked = [name.strip() for name in names.split(",")]
    if unknown := next((name for name in asked if name not in known), None):
        raise Told(f"--only: {unknown[:40]!r} is no load; there are {', '.join(known)}")
    if "" in asked:
        raise Told(f"--only: name loads: {', '.join(known)}")
    return tuple(known[name] for name in dict.fromkeys(asked))


def scenario(load: Load, rate: float, seconds: float) -> str:
    """For `heliograph load`, as TOML."""
    lines = ["[load]", f"seconds = {seconds:g}", "verify = false"]
    if load.idle:
        lines.append(f"idle = {load.idle}")
        if load.storm:
            lines += ["[[load.storms]]", f"at_s = {STORM_AT_S:g}", f"connections = {load.idle}"]
    else:
        lines += [f"rate = {rate:g}" if rate else "window = 8"]
        lines += ["[[load.chats]]", f"count = {load.chats}", f"size = {load.size}"]
    return "\n".join(lines) + "\n"


def seconds_of(load: Load, seconds: float) -> float:
    """A storm takes its time, whatever is said of others."""
    return max(seconds, STORM_AT_S + 4.0) if load.storm else seconds
