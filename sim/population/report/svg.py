"""Plots as SVG: scales, axes and marks.

A plot is 360 units wide, so that writing of 12 units can be read where a telephone shows it; on a
wide screen plots stand side by side. Colours are classes that the page has (`page.html`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from html import escape
from math import ceil, floor, log10

WIDTH = 360.0
SIGN = 6.6
"""The width of a sign of writing, at the mean."""
LINE = 16.0
HUES = 8
"""So many series have a colour of their own; later ones are dashed."""

Point = tuple[float, float]
Written = Callable[[float], str]


def clean(words: str) -> str:
    """Escaped, and without signs that cannot be shown."""
    return escape("".join(each if each.isprintable() else "\ufffd" for each in words))


@dataclass(frozen=True)
class Scale:
    """From values between `low` and `high` to units of the plot."""

    low: float
    high: float
    start: float
    stop: float
    log: bool = False

    def __call__(self, value: float) -> float:
        low, high, at = self.low, self.high, min(max(value, self.low), self.high)
        if self.log:
            low, high, at = log10(low), log10(high), log10(at)
        return self.start + (self.stop - self.start) * (at - low) / (high - low)

    def ticks(self, most: int = 6) -> list[float]:
        """Round values, few enough to be read."""
        return self._decades(most) if self.log else self._steps(most)

    def _steps(self, most: int) -> list[float]:
        rough = (self.high - self.low) / most
        unit = 10.0 ** floor(log10(rough))
        step = next(each * unit for each in (1, 2, 5, 10) if each * unit >= rough * 0.999)
        first, last = ceil(self.low / step - 1e-9), floor(self.high / step + 1e-9)
        return [number * step for number in range(first, last + 1)]

    def _decades(self, most: int) -> list[float]:
        decades = range(floor(log10(self.low)), ceil(log10(self.high)) + 1)
        for marks in ((1, 2, 5), (1, 3), (1,)):
            found = [mark * 10.0**power for power in decades for mark in marks]
            inside = [each for each in found if self.low * 0.999 <= each <= self.high * 1.001]
            if len(inside) < 3:
                return self._steps(most)
            if len(inside) <= most:
                return inside
        return inside[:: ceil(len(inside) / most)]


def spanned(values: Iterable[float], log: bool = False) -> tuple[float, float]:
    """Round bounds that hold all of the values, and 0 where the scale is linear."""
    known = [value for value in values if value > 0]
    if not known:
        return (0.1, 1.0) if log else (0.0, 1.0)
    top, unit = max(known), 10.0 ** floor(log10(max(known)))
    high = next(
        each * unit for each in (1, 1.2, 1.5, 2, 2.5, 3, 4, 5, 6, 8, 10) if each * unit >= top
    )
    if not log:
        return 0.0, high
    unit = 10.0 ** floor(log10(min(known)))
    low = next(each * unit for each in (8, 5, 3, 2, 1) if each * unit <= min(known) * 1.001)
    return low, high if high > low * 1.5 else low * 2


def hue(number: int) -> str:
    """Classes of the n-th of some series."""
    dashed = " dashed" if number >= HUES else ""
    return f"hue{number % HUES}{dashed}"


@dataclass
class Plot:
    """`name`: what its elements are called by; of letters. Margins: what axes are written in."""

    name: str
    height: float = 240.0
    left: float = 12.0
    right: float = 12.0
    top: float = 30.0
    bottom: float = 40.0
    parts: list[str] = field(default_factory=list)

    def x(self, low: float, high: float, log: bool = False) -> Scale:
        return Scale(low, high, self.left, WIDTH - self.right, log)

    def y(self, low: float, high: float, log: bool = False) -> Scale:
        return Scale(low, high, self.height - self.bottom, self.top, log)

    def axis_x(
        self, scale: Scale, written: Written, title: str, ticks: Sequence[float] | None = None
    ) -> None:
        """Below; its title stands in the middle. Where there is no room, ticks have no words."""
        base, free = self.height - self.bottom, -LINE
        for tick in scale.ticks() if ticks is None else ticks:
            at, words = scale(tick), written(tick)
            self.path([(at, base), (at, base + 4)], "axis")
            half = room([words]) / 2
            if at - half >= free:
                self.text(at, base + 16, words, "middle")
                free = at + half + 6
        self.path([(self.left, base), (WIDTH - self.right, base)], "axis")
        self.text((self.left + WIDTH - self.right) / 2, base + 34, title, "middle", "muted")

    def axis_y(self, scale: Scale, written: Written, title: str) -> None:
        """At the left, with lines across; its title stands above. Call it first: it makes room."""
        for tick in scale.ticks(5):
            at = scale(tick)
            self.path([(self.left, at), (WIDTH - self.right, at)], "grid")
            self.text(self.left - 6, at + 4, written(tick), "end")
        self.text(0, 12, title, "start", "muted")

    def text(
        self, x: float, y: float, words: str, anchor: str = "start", style: str = "ink"
    ) -> None:
        place = f'x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"'
        self.parts.append(f'<text class="{style}" {place}>{clean(words)}</text>')

    def path(self, points: Sequence[Point], style: str) -> None:
        self.parts.append(f'<path class="{style}" d="M{_joined(points)}"/>')

    def line(self, points: Sequence[Point], style: str) -> None:
        """Of one point there is a dot."""
        if len(points) == 1:
            self.dot(*points[0], style)
        elif points:
            self.path(points, f"line {style}")

    def steps(self, points: Sequence[Point], style: str) -> None:
        """A line that stays as high as it was until the next point."""
        found = list(points[:1])
        for point in points[1:]:
            found += [(point[0], found[-1][1]), point]
        self.line(found, style)

    def area(self, low: Sequence[Point], high: Sequence[Point], style: str) -> None:
        shape = _joined([*low, *reversed(high)])
        self.parts.append(f'<path class="area {style}" d="M{shape}Z"/>')

    def dot(self, x: float, y: float, style: str, radius: float = 4.0) -> None:
        self.parts.append(f'<circle class="{style}" cx="{x:.1f}" cy="{y:.1f}" r="{radius:g}"/>')

    def box(
        self, x: float, y: float, width: float, height: float, style: str, more: str = ""
    ) -> None:
        place = f'x="{x:.1f}" y="{y:.1f}" width="{max(width, 0.5):.1f}" height="{height:.1f}"'
        self.parts.append(f'<rect class="{style}" {place}{more}/>')

    def hatch(self, start: float, stop: float, label: str = "extrapolation") -> None:
        """From one x to another, over all of the height: what was not measured."""
        if stop - start < 1:
            return
        self.parts.append(
            f'<pattern id="{self.name}-hatch" width="7" height="7" patternUnits="userSpaceOnUse" '
            'patternTransform="rotate(45)"><path class="hatch" d="M0 0V7"/></pattern>'
        )
        high = self.height - self.top - self.bottom
        self.box(start, self.top, stop - start, high, "", f' fill="url(#{self.name}-hatch)"')
        self.text(stop - 2, self.top - 4, label, "end", "muted")

    def svg(self, title: str, description: str) -> str:
        """`description`: what there is to see, for those who do not."""
        named = f'role="img" aria-labelledby="{self.name}-title {self.name}-desc"'
        return (
            f'<svg viewBox="0 0 {WIDTH:g} {self.height:g}" {named}>'
            f'<title id="{self.name}-title">{clean(title)}</title>'
            f'<desc id="{self.name}-desc">{clean(description)}</desc>{"".join(self.parts)}</svg>'
        )


def room(words: Iterable[str]) -> float:
    """The width of the longest of these."""
    return max((len(each) for each in words), default=0) * SIGN


def _joined(points: Sequence[Point]) -> str:
    return "L".join(f"{x:.1f} {y:.1f}" for x, y in points)
