"""The commands of `heliograph admin` for servers with copies."""

from __future__ import annotations

import json
from typing import Annotated, Any, Literal

import typer
from rich.table import Column, Table

from heliograph.admin.showing import show
from heliograph.admin.telling import DATA, Data, Json
from heliograph.failing import REFUSED, fail


def cluster(data: Data = DATA, as_json: Json = False) -> None:
    """Show who has copies of each shard, who leads, and who is behind.

    Exit code 0: every copy is in sync; 1: one is not, or a host or media actor does not answer."""
    from heliograph.admin.copies import shown_copies, shown_hosts
    from heliograph.admin.live import cluster_view

    view = cluster_view(data)
    shards = shown_copies(view.rows)
    hosts = shown_hosts(shards, view.seats, view.silent)
    if as_json:
        print(json.dumps({"hosts": hosts, "shards": shards, "silent": view.silent}))
    else:
        show(_hosts_table(hosts))
        show(_shards_table(shards, view.silent))
        for name in view.silent:
            print(f"{name} does not answer.")
    sound = not view.silent and all(row["leader"] and not row["missing"] for row in shards)
    raise typer.Exit(0 if sound else 1)


def _hosts_table(hosts: list[dict[str, Any]]) -> Table:
    table = Table("host", "zone", "state", "copies", "leads")
    for row in hosts:
        table.add_row(*(str(row[key]) for key in ("host", "zone", "state", "copies", "leads")))
    return table


def _shards_table(shards: list[dict[str, Any]], silent: list[str]) -> Table:
    lists = (Column(name, overflow="fold") for name in ("in sync", "not in sync", "behind"))
    table = Table("shard", "leader", "epoch", *lists)
    for row in shards:
        behind = ", ".join(f"{host} {lag:,}" for host, lag in row["behind"].items() if lag)
        table.add_row(
            str(row["shard"]),
            row["leader"] or ("silent" if row["appointed"] in silent else "nobody"),
            str(row["epoch"]),
            ", ".join(row["in_sync"]),
            ", ".join(row["missing"]),
            behind,
        )
    return table


def drain(
    host: str,
    data: Data = DATA,
    for_good: Annotated[
        bool, typer.Option("--for-good", help="It gives its copies to other hosts, too.")
    ] = False,
    undo: Annotated[bool, typer.Option("--undo", help="It is used as before again.")] = False,
    wait: Annotated[float, typer.Option(min=0, help="For how many seconds to wait for it.")] = 600,
) -> None:
    """Let other hosts lead what a host leads, so that nobody notices when its machine is stopped.

    Exit code 0: it is so; 1: not yet. It stays like that until it is undone."""
    from heliograph.admin import live
    from heliograph.admin.copies import shown_copies

    def done(view: live.ClusterView) -> bool:
        rows = shown_copies(view.rows)
        has = any(host in row["members"] for row in rows)
        leads = any(row["leader"] in (host, "") for row in rows)
        return undo or not (has if for_good else leads)

    mark: Literal["", "drained", "leaving"] = "leaving" if for_good else "drained"
    if not live.mark(data, host, "" if undo else mark, done, wait):
        what = "has copies" if for_good else "leads shards"
        raise fail(f"{host} still {what}; see: heliograph admin cluster", REFUSED)
    if undo:
        print(f"{host} is used as before.")
    elif for_good:
        print(f"{host} has nothing any more; its machine can be taken away.")
    else:
        print(f"{host} leads nothing; its machine can be stopped. Afterwards: --undo")
