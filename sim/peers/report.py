"""What a run found: medians over the rounds with their least and greatest, as JSON and as tables
for `docs/benchmarks.md`."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from statistics import median
from typing import Any

from sim.peers.rounds import Plan, Turns
from sim.peers.workload import Figures, Load

REFERENCE = "heliograph"
MEASURED = ("per_s", "p50_ms", "p99_ms", "server_us", "client_us")
COUNTED = ("lost", "duplicated", "reordered", "refused")
FAULTS = ("lost", "duplicated", "reordered")
HEAD = ("peer", "kept", "messages/s", "ratio", "p50, ms", "p99, ms", "server, µs", "client, µs")
LEFT = 2
"""So many columns are words."""


def summary(plan: Plan, found: Sequence[Turns], skipped: Mapping[str, str]) -> dict[str, Any]:
    """The JSON object. Peers by name, loads as they were asked for."""
    return {
        "rounds": plan.rounds,
        "seconds": plan.seconds,
        "cores": os.cpu_count(),
        "peers": {
            turns.peer.name: {
                "version": turns.version,
                "keeps": turns.peer.keeps,
                "start_s": _noise(turns.start_s),
                "memory_mb": _noise(turns.memory_mb),
                "loads": {
                    str(load): _of_rounds(load, turns.peer.pairs_max, rounds)
                    for load, rounds in turns.figures.items()
                },
            }
            for turns in found
        },
        "skipped": dict(skipped),
        "failed": {turns.peer.name: turns.failed for turns in found if turns.failed},
    }


def _of_rounds(load: Load, pairs_max: int, rounds: Sequence[Figures]) -> dict[str, Any]:
    each = [asdict(figures) for figures in rounds]
    of = {name: [figures[name] for figures in each] for name in (*MEASURED, *COUNTED)}
    spread = {name: _noise(of[name]) for name in MEASURED}
    pairs = load.at_most(pairs_max).pairs
    return {"pairs": pairs, "window": load.window, **spread} | {n: sum(of[n]) for n in COUNTED}


def _noise(values: Sequence[float]) -> dict[str, float]:
    """Of none, it is none."""
    if not values:
        return {}
    of = {"median": median(values), "min": min(values), "max": max(values)}
    return {name: round(value, 3) for name, value in of.items()}


def tables(result: Mapping[str, Any]) -> str:
    """A table in Markdown for the peers and for each load, and what is not in them."""
    peers = result["peers"]
    names = dict.fromkeys(name for peer in peers.values() for name in peer["loads"])
    parts = [
        _of_peers(result),
        *(_table(Load(*map(int, name.split("x"))), peers) for name in names),
    ]
    lines = [f"skipped: {name}: {why}" for name, why in result["skipped"].items()]
    lines += [f"failed: {name}: {why}" for name, why in result["failed"].items()]
    for name, peer in peers.items():
        for load, figures in peer["loads"].items():
            told = ", ".join(f"{figures[fault]} {fault}" for fault in COUNTED if figures[fault])
            lines += [f"{name}, {load}: {told}"] if told else []
    return "\n\n".join([*parts, *lines])


def _of_peers(result: Mapping[str, Any]) -> str:
    rounds, seconds, cores = (result[name] for name in ("rounds", "seconds", "cores"))
    often = f"{rounds} rounds of {seconds:g} s" if rounds > 1 else f"{seconds:g} s"
    how = f"{often} for each load, {cores} cores; the median, with the least and the most."
    lines: list[Sequence[str]] = [("peer", "version", "start, s", "memory, MB")]
    for name, peer in result["peers"].items():
        both = (_spread(peer[measured]) for measured in ("start_s", "memory_mb"))
        lines.append([name, peer["version"], *both])
    return "\n".join([how, "", *_aligned(lines)])


def _table(load: Load, peers: Mapping[str, Any]) -> str:
    rows = {name: peer["loads"][str(load)] for name, peer in peers.items() if peer["loads"]}
    base = rows[REFERENCE]["per_s"]["median"] if REFERENCE in rows else 0.0
    lines: list[Sequence[str]] = [HEAD]
    for name, row in rows.items():
        fewer = f" ({row['pairs']} pairs)" if row["pairs"] < load.pairs else ""
        ratio = short(row["per_s"]["median"] / base) if base else "-"
        per_s, *others = (_spread(row[measured]) for measured in MEASURED)
        lines.append([name + fewer, peers[name]["keeps"], per_s, ratio, *others])
    return "\n".join([f"**{load.title}**", "", *_aligned(lines)])


def _aligned(lines: Sequence[Sequence[str]]) -> list[str]:
    """Lines of a table in Markdown; the first is its head."""
    columns = list(zip(*lines, strict=True))
    widths = [max(map(len, column)) for column in columns]
    rule = ["-" * width for width in widths[:LEFT]]
    rule += [f"{'-' * (width - 1)}:" for width in widths[LEFT:]]
    cells = [
        [f"{cell:<{width}}" for cell in column]
        if place < LEFT
        else [f"{cell:>{width}}" for cell in column]
        for place, (column, width) in enumerate(zip(columns, widths, strict=True))
    ]
    head, *rest = zip(*cells, strict=True)
    return [f"| {' | '.join(line)} |" for line in (head, rule, *rest)]


def _spread(of: Mapping[str, float]) -> str:
    if not of:
        return "-"
    middle, least, most = (short(of[name]) for name in ("median", "min", "max"))
    return middle if least == most else f"{middle} ({least}–{most})"


def short(value: float) -> str:
    """A figure with about three digits."""
    digits = 0 if value >= 100 else 1 if value >= 10 else 2
    return f"{value:,.{digits}f}"


def faulty(result: Mapping[str, Any]) -> bool:
    """Whether a peer failed, or a message was lost, doubled or reordered."""
    loads = (load for peer in result["peers"].values() for load in peer["loads"].values())
    return bool(result["failed"]) or any(load[fault] for load in loads for fault in FAULTS)
