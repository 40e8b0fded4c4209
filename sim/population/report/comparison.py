"""Two runs side by side, as a page."""

from __future__ import annotations

from pathlib import Path

from sim.files import write_whole
from sim.population.compare import Comparison, Difference, headline
from sim.population.report.grounds import value
from sim.population.report.numbers import change, share
from sim.population.report.numbers import figure as digits
from sim.population.report.page import Table, card, figure, page, section
from sim.population.report.svg import WIDTH, Plot, Scale, spanned

MOST = 3.0
"""Changes beyond +300% stand at the edge."""


def write(found: Comparison, path: Path) -> None:
    """Raises Told and OSError."""
    write_whole(path, html(found))


def html(found: Comparison) -> bytes:
    title = f"A: {found.names[0]}, B: {found.names[1]}"
    cards = [_differences(found)] if any(_shown(each) for each in found.figures) else []
    cards += _inputs(found)
    cards.append(
        card("All figures", "B against A, and what chance may do.", _all(found), wide=True)
    )
    return page(title, headline(found), "", [section("Side by side", found.others, cards)])


def named(each: Difference) -> str:
    """With its unit; shares are written as such."""
    return each.what if each.unit == "share" else f"{each.what}, {each.unit}"


def told(each: Difference) -> tuple[str, str, str, str, str]:
    """What is written of it after its name: A, B, change, noise, and what that means."""
    written = share if each.unit == "share" else digits
    changed = "" if each.change is None else change(each.change)
    noise = "" if not each.noise else f"± {share(each.noise)}"
    return written(each.a), written(each.b), changed, noise, each.told


def _all(found: Comparison) -> Table:
    heads = ("", "A", "B", "change", "chance", "told apart")
    return Table(heads, [(named(each), *told(each)) for each in found.figures], frozenset({5}))


def _shown(each: Difference) -> bool:
    return each.told == "different" and each.change is not None


def _differences(found: Comparison) -> str:
    known = [each for each in found.figures if _shown(each)]
    plot = Plot("differences", 70.0 + 34.0 * len(known), top=20, right=20)
    bounds = [(each.noise or 0.0, abs(each.change or 0.0)) for each in known]
    most = min(MOST, spanned([0.1, *(max(each) for each in bounds)])[1])
    x = plot.x(-min(most, 1.0), most)
    plot.axis_x(x, change, "B against A; the band is chance")
    plot.path([(x(0), plot.top), (x(0), plot.height - plot.bottom)], "limit")
    for number, each in enumerate(known):
        _row(plot, x, each, plot.top + 12 + 34.0 * number)
    return figure(
        "What is different",
        "By more than chance.",
        plot,
        "; ".join(f"{each.what}: {change(each.change or 0.0)}" for each in known),
        Table(("", "A", "B", "change", "chance"), [(named(e), *told(e)[:4]) for e in known]),
    )


def _row(plot: Plot, x: Scale, each: Difference, y: float) -> None:
    noise, changed = each.noise or 0.0, each.change or 0.0
    plot.box(x(-noise), y + 5, x(noise) - x(-noise), 12, "soft")
    plot.path([(x(0), y + 11), (x(changed), y + 11)], "line hue0")
    plot.dot(x(changed), y + 11, "hue0")
    plot.text(plot.left, y, each.what)
    plot.text(WIDTH - plot.right, y, change(changed), "end")


def _inputs(found: Comparison) -> list[str]:
    rows = [(name, value(a), value(b)) for name, (a, b) in found.inputs.items()]
    return [card("Inputs that differ", "", Table(("input", "A", "B"), rows))] if rows else []
