"""What a calibration measured, in tables."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table

from sim.population.calibrating.whole import Found, Loop, in_town_us, loop_of
from sim.population.calibration import Calibration
from sim.population.fanout import ROWS


def show(console: Console, found: Found, made: Calibration) -> None:
    console.print(f"{made.machine}; version {made.version}", markup=False)
    loop = loop_of(found)
    _turns(console, found, made)
    _loads(console, found)
    _sends(console, found)
    _others(console, found, made)
    _loop(console, loop)


def _turns(console: Console, found: Found, made: Calibration) -> None:
    table = _table("turn", "us in a town", "rows", "in the model", "us in a server")
    for turn, us in in_town_us(found).items():
        table.add_row(
            turn.name.lower(),
            f"{us:.1f}",
            f"{found.turns.rows[turn]:.1f}",
            str(ROWS.get(turn, 0)),
            f"{made.turns_us[turn.name.lower()]:.1f}",
        )
    console.print(table)


def _loads(console: Console, found: Found) -> None:
    windows = (found.server.idle, *found.server.windows)
    did = _table("a second", "sends", "frames in", "out", "batches", "commits", "turns")
    took = _table("% of a core", "host's loop", "others", "edge's loop", "others", "rest")
    for each in windows:
        numbers = each.counts.sent, each.counts.into, each.counts.out
        told = (each.told[name] for name in ("batches", "commits", "turns"))
        did.add_row(each.name, *(f"{each.per_s(number):,.0f}" for number in (*numbers, *told)))
        loops = [(each.loop_s[kind], each.cpu_s[kind]) for kind in ("host", "edge")]
        cpu_s = [s for loop_s, all_s in loops for s in (loop_s, all_s - loop_s)]
        shares = (each.per_s(used_s) for used_s in (*cpu_s, each.cpu_s["rest"]))
        took.add_row(each.name, *(f"{100 * share:.1f}" for share in shares))
    console.print(did)
    console.print(took)


def _sends(console: Console, found: Found) -> None:
    table = _table("a send to members", "us measured", "us by these prices", "off")
    for members, (measured, priced) in found.turns.sends_us.items():
        table.add_row(
            str(members), f"{measured:,.1f}", f"{priced:,.1f}", f"{priced / measured - 1:+.0%}"
        )
    console.print(table)


def _others(console: Console, found: Found, made: Calibration) -> None:
    table = _table("other", "measured")
    rows = found.rows
    for what, told in (
        *((f"frame {name}", f"{us:,.1f} us") for name, us in made.frames_us.items()),
        ("a batch of an edge", f"{made.edge.batch_us:,.0f} us"),
        ("a batch of a host", f"{made.host.batch_us:,.0f} us, {rows.batch_us:,.0f} of it the log"),
        *(
            (
                f"other threads of {name}",
                f"{each.beside:.0%} of the CPU of its loop on items, "
                f"{each.beside_batch_us:,.0f} us for a batch",
            )
            for name, each in (("a host", made.host), ("an edge", made.edge))
        ),
        (
            "a commit",
            f"{made.host.commit_us:,.0f} us, and for each item {made.host.commit_item_us:.2f}",
        ),
        ("of the log alone", f"{rows.commit_us:,.0f} us and {rows.commit_item_us:.2f}"),
        ("a row", f"{rows.row_us:.2f} us, and {rows.checkpoint_us:.2f} in a checkpoint"),
        ("sigma of the work of turns", f"{made.host.work_sigma:.2f}"),
        ("a file in", f"{made.media_in_us:,.0f} us, and {made.media_in_us_per_mb:,.0f} for a MB"),
        (
            "a file out",
            f"{made.media_out_us:,.0f} us, and {made.media_out_us_per_mb:,.0f} for a MB",
        ),
        *((f"memory of {kind}", f"{mb:,.1f} MB") for kind, mb in found.server.memory_mb.items()),
        ("all processes, idle", f"{100 * made.rest_cores:.1f} % of a core"),
        ("a connection", f"{made.connection_bytes:,.0f} bytes"),
        ("an actor", f"{made.actor_bytes:,.0f} bytes"),
        ("a row on the disk, beside its text", f"{made.row_bytes:,.0f} bytes"),
    ):
        table.add_row(what, told)
    console.print(table)


def _loop(console: Console, loop: Loop) -> None:
    console.print(
        f"The loop of a host takes {loop.times:.2f} times as long for a turn as it does in a town. "
        f"At full load a message with all that comes of it ({loop.turns:.1f} turns) takes "
        f"{loop.message_us:,.0f} us of all threads of a host.",
        markup=False,
    )


def _table(first: str, *others: str) -> Table:
    table = Table(first)
    for each in others:
        table.add_column(each, justify="right")
    return table
