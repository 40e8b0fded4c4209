"""The page: what text, tables and figures are in it, always escaped. Nothing of it is loaded from
anywhere, and it has no scripts."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from string import Template

from sim.population.report.svg import Plot, clean, hue

PAGE = Template(Path(__file__).with_name("page.html").read_text(encoding="utf-8"))
LONG = 30
"""More signs in a cell are written on several lines."""


@dataclass(frozen=True)
class Table:
    """The first column names the row. Of the others, those in `words` are texts, and the rest are
    figures."""

    heads: Sequence[str]
    rows: Sequence[Sequence[str]]
    words: frozenset[int] = frozenset()

    def html(self, name: str) -> str:
        """`name`: what it is called by screen readers."""
        heads = "".join(self._cell("th", n, each, "col") for n, each in enumerate(self.heads))
        rows = "".join(
            "<tr>"
            + "".join(
                self._cell("td" if n else "th", n, each, "" if n else "row")
                for n, each in enumerate(row)
            )
            + "</tr>"
            for row in self.rows
        )
        return (
            f'<div class="scroll" role="region" tabindex="0" aria-label="{clean(name)}">'
            f"<table><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table></div>"
        )

    def _cell(self, tag: str, column: int, words: str, scope: str) -> str:
        kinds = ["words"] * (not column or column in self.words) + ["long"] * (len(words) > LONG)
        style = f' class="{" ".join(kinds)}"' if kinds else ""
        named = f' scope="{scope}"' if scope else ""
        return f"<{tag}{named}{style}>{clean(words)}</{tag}>"


def figure(
    title: str, caption: str, plot: Plot, told: str, table: Table, keys: Iterable[str] = ()
) -> str:
    """A plot with its table. `told`: what is to be seen in it; `keys`: names of its series."""
    return (
        f'<figure class="card"><figcaption><h3>{clean(title)}</h3><p>{clean(caption)}</p>'
        f"</figcaption>{_key(keys)}{plot.svg(title, told)}"
        f"<details><summary>Table: {clean(title)}</summary>{table.html(title)}</details></figure>"
    )


def card(title: str, caption: str, table: Table, wide: bool = False) -> str:
    """A table that needs no plot."""
    style = "card wide" if wide else "card"
    return (
        f'<figure class="{style}"><figcaption><h3>{clean(title)}</h3><p>{clean(caption)}</p>'
        f"</figcaption>{table.html(title)}</figure>"
    )


def _key(names: Iterable[str]) -> str:
    """Which colour is whose."""
    found = "".join(
        '<li><svg viewBox="0 0 20 12" aria-hidden="true">'
        f'<path class="line {hue(number)}" d="M0 6H20"/></svg>{clean(name)}</li>'
        for number, name in enumerate(names)
    )
    return f'<ul class="key">{found}</ul>' if found else ""


def section(title: str, notes: Iterable[str], cards: Iterable[str]) -> str:
    """`notes`: what is said in words, a line each."""
    listed = "".join(f"<li>{clean(each)}</li>" for each in notes)
    told = f'<ul class="notes">{listed}</ul>' if listed else ""
    inside = f'<div class="cards">{"".join(cards)}</div>'
    return f"<section><h2>{clean(title)}</h2>{told}{inside}</section>"


def warning(words: Sequence[str]) -> str:
    listed = "".join(f"<li>{clean(each)}</li>" for each in words)
    return f'<div class="warning" role="note"><ul>{listed}</ul></div>' if words else ""


def facts(known: Iterable[tuple[str, str, str]]) -> str:
    """Name, value, and what is said below in small."""
    found = "".join(
        f"<div><dt>{clean(name)}</dt><dd>{clean(value)}<small>{clean(below)}</small></dd></div>"
        for name, value, below in known
    )
    return f'<dl class="facts">{found}</dl>'


def page(title: str, text: str, head: str, sections: Iterable[str]) -> bytes:
    """`text` and `head`, which is HTML, stand below the title."""
    named = f'<h1>{clean(title)}</h1><p class="muted">{clean(text)}</p>'
    inside = f"<header>{named}{head}</header><main>{''.join(sections)}</main>"
    return PAGE.substitute(title=clean(title), body=inside).encode()
