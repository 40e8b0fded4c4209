"""What machines keep: on their disks as time goes by, and in memory."""

from __future__ import annotations

from sim.population.report.numbers import figure as digits
from sim.population.report.numbers import gigabytes, whole
from sim.population.report.page import Table, figure
from sim.population.report.svg import WIDTH, Plot, spanned
from sim.population.result import Node, Result

YEAR = 365.0
KINDS = ("hosts", "edges", "media", "all else")


def disks(result: Result) -> str:
    stored, nodes = result.stored, len(result.nodes)
    grows = stored.text_gb_per_day + stored.media_gb_per_day
    if grows <= 0:
        return ""
    room = result.inputs.get("node.disk_gb", 0.0) * nodes
    days = max(min(YEAR, stored.days_until_full * 1.1) if room else YEAR, 2.0, result.days)
    plot = Plot("disk", left=52, right=16)
    top = min(room, grows * days) if room else grows * days
    y, x = plot.y(*spanned((grows * days, top))), plot.x(0, days)
    plot.hatch(x(result.minutes_done / 1440), WIDTH - plot.right)
    plot.axis_y(y, gigabytes, "with all copies, on all machines")
    plot.axis_x(x, digits, "days")
    bottom, zero = (x(days), y(0)), (x(0), y(0))
    text, both = (x(days), y(stored.text_gb_per_day * days)), (x(days), y(grows * days))
    plot.area([zero, bottom], [zero, text], "hue0")
    plot.area([zero, text], [zero, both], "hue1")
    plot.line([zero, text], "hue0")
    plot.line([zero, both], "hue1")
    if room and room <= y.high:
        plot.path([(plot.left, y(room)), (WIDTH - plot.right, y(room))], "limit")
        plot.text(plot.left + 6, y(room) - 5, f"room: {gigabytes(room)}")
    full = f"full after {whole(stored.days_until_full)} days" if room else "with no limit"
    grown = [(days * part, digits(days * part)) for part in (0.25, 0.5, 0.75, 1.0)]
    return figure(
        "Growth of disks",
        f"A day, at the mean of this run: {gigabytes(stored.text_gb_per_day)} of text and "
        f"{gigabytes(stored.media_gb_per_day)} of files; {full} if it goes on so.",
        plot,
        f"{gigabytes(grows)} a day; {full}.",
        Table(
            ("days", "text", "files", "both"),
            [
                (
                    words,
                    gigabytes(stored.text_gb_per_day * day),
                    gigabytes(stored.media_gb_per_day * day),
                    gigabytes(grows * day),
                )
                for day, words in [(1.0, "1"), *grown]
            ],
        ),
        ("text", "text and files"),
    )


def memory(result: Result) -> str:
    """Of the fullest machine of each region."""
    fullest: dict[str, Node] = {}
    for node in result.nodes:
        known = fullest.get(node.region)
        if known is None or node.memory_gb > known.memory_gb:
            fullest[node.region] = node
    if not fullest:
        return ""
    limit = result.inputs.get("node.memory_gb", 0.0)
    plot = Plot("memory", 48.0 + 40.0 * len(fullest), top=8, right=16)
    x = plot.x(0, spanned((limit, *(each.memory_gb for each in fullest.values())))[1])
    plot.axis_x(x, digits, "GB")
    rows = []
    for number, node in enumerate(fullest.values()):
        y, at = 20.0 + 40.0 * number, 0.0
        parts = _memory_of(result, node)
        plot.text(plot.left, y, node.name)
        plot.text(WIDTH - plot.right, y, f"{digits(node.memory_gb)} GB", "end")
        plot.box(plot.left, y + 6, WIDTH - plot.right - plot.left, 12, "soft")
        for index, part in enumerate(parts):
            plot.box(x(at), y + 6, x(at + part) - x(at), 12, f"hue{index}")
            at += part
        rows.append((node.name, *(digits(part) for part in (*parts, node.memory_gb))))
    if limit:
        base = plot.height - plot.bottom
        plot.path([(x(limit), 20), (x(limit), base)], "limit")
    return figure(
        "Memory",
        f"Of the fullest machine of each region, of {digits(limit)} GB.",
        plot,
        "; ".join(f"{each.name}: {digits(each.memory_gb)} GB" for each in fullest.values()),
        Table(("machine", *KINDS, "all, GB"), rows),
        KINDS,
    )


def _memory_of(result: Result, node: Node) -> tuple[float, float, float, float]:
    """In GB, by kind."""
    mine = [each for each in result.stations if each.node == node.name]
    host, edge, media = (
        sum(each.memory_mb for each in mine if each.kind == kind) / 1e3
        for kind in ("host", "edge", "media")
    )
    return host, edge, media, max(0.0, node.memory_gb - host - edge - media)
