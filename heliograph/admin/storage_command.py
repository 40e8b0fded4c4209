"""`heliograph admin storage`."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Column, Table
from rich.text import Text

from api.ambient import now_ms
from heliograph.admin.showing import show
from heliograph.admin.telling import DATA, Data, Json
from heliograph.terminal.text import human_size, one_line, plural

if TYPE_CHECKING:
    from heliograph.admin.accounting import ChunkUse, FileUse, Taker


def storage(
    data: Data = DATA,
    top: Annotated[
        int, typer.Option(min=0, max=10_000, help="So many of the largest users and chats.")
    ] = 10,
    as_json: Json = False,
) -> None:
    """Show what files take on a running server, by kind, user and chat; what is saved; what waits
    to be deleted; and what room there is."""
    from heliograph.admin import live
    from heliograph.admin.accounting import chunk_use, file_use

    files = file_use(data, top)
    with live.media_view(data) as view:
        chunks = chunk_use(view.chunks, view.copies, now_ms())
    actors = [
        {
            "actor": figures["media"],
            "node": figures["node"],
            "chunks": figures["media_chunks"],
            "stored_bytes": figures["media_stored_bytes"],
            "free_in_file_bytes": figures["media_free_bytes"],
            "free_on_disk_bytes": figures["media_disk_free_bytes"],
        }
        for figures in view.figures
    ]
    found = {
        **asdict(files),
        "chunks": asdict(chunks),
        "saved": _saved(files, chunks),
        "copies_wanted": view.copies,
        "media_actors": actors,
        "silent": view.silent,
    }
    if as_json:
        print(json.dumps(found))
    else:
        _show(files, chunks, found)


def _saved(files: FileUse, chunks: ChunkUse) -> dict[str, int]:
    return {
        "used_again_bytes": files.used_again_bytes,
        "same_parts_bytes": max(0, files.bytes - chunks.held_raw_bytes),
        "compression_bytes": chunks.raw_bytes - chunks.stored_bytes,
    }


def _show(files: FileUse, chunks: ChunkUse, found: dict[str, Any]) -> None:
    show(_kinds(files))
    if files.users:
        show(_takers("user", files.users))
    if files.chats:
        show(_takers("chat", files.chats))
    show(_totals(chunks, found))
    show(_actors(found["media_actors"]))
    for name in found["silent"]:
        print(f"{name} does not answer; what only it has is not counted.")
    if files.partitions_missing:
        print(
            f"{files.partitions_missing} partitions are not in this folder; their files, users and "
            "chats are not counted."
        )
    if files.damaged_rows:
        print(f"{files.damaged_rows} rows are damaged; see: heliograph admin verify")


def _kinds(files: FileUse) -> Table:
    table = Table("kind", "files", "bytes", "used", "bytes as used", "not used")
    for kind, use in files.kinds.items():
        table.add_row(
            kind,
            f"{use.files:,}",
            human_size(use.bytes),
            f"{use.uses:,}",
            human_size(use.used_bytes),
            human_size(use.unused_bytes),
        )
    return table


def _takers(what: str, takers: list[Taker]) -> Table:
    table = Table(Column(what, overflow="fold"), "id", "bytes")
    for taker in takers:
        table.add_row(Text(one_line(taker.name)), str(taker.id), human_size(taker.bytes))
    return table


def _totals(chunks: ChunkUse, found: dict[str, Any]) -> Table:
    saved, wanted = found["saved"], found["copies_wanted"]
    table = Table.grid(padding=(0, 2))
    for name, line in {
        "chunks": f"{chunks.chunks:,}, {human_size(chunks.raw_bytes)}",
        "saved, used again": human_size(saved["used_again_bytes"]),
        "saved, same parts": human_size(saved["same_parts_bytes"]),
        "saved, compression": human_size(saved["compression_bytes"]),
        "stored": human_size(chunks.stored_bytes),
        "stored, all copies": human_size(chunks.copies_bytes),
        "copies": f"{chunks.copies:,}; {wanted} of each wanted, {chunks.copies_missing:,} missing",
        "of no file": f"{plural(chunks.unheld_chunks, 'chunk')}, {human_size(chunks.unheld_bytes)}"
        f" (uploads that run or were given up); {human_size(chunks.due_bytes)} of it due",
    }.items():
        table.add_row(name, line)
    return table


def _actors(actors: list[dict[str, Any]]) -> Table:
    table = Table("media actor", "chunks", "stored", "free in its file", "free on its disk")
    for actor in actors:
        sizes = ("stored_bytes", "free_in_file_bytes", "free_on_disk_bytes")
        shown = (human_size(actor[size]) for size in sizes)
        table.add_row(actor["actor"], f"{actor['chunks']:,}", *shown)
    return table
