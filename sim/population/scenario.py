"""Scenarios: files (TOML) that say who the people are, what they run on, and what happens."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from heliograph.failing import Told
from sim.population.inputs import Values, checked

SHIPPED = Path(__file__).with_name("scenarios")
HOURS_MAX = 24 * 366.0
NODES_MAX = 10_000
SHARES_OFF_MAX = 1e-6


@dataclass(frozen=True)
class Region:
    """`share`: of all people. `work`: of its people, whose day is that of work. `nodes`: 0 for as
    many as it takes. `edges_only`: nothing is kept there."""

    name: str
    share: float
    utc_offset_h: float
    work: float
    nodes: int
    edges_only: bool


@dataclass(frozen=True)
class Event:
    """`values` by the names of its `kind` (`EVENTS`); `region`: an index, or None for all."""

    kind: str
    region: int | None
    values: Mapping[str, float]


@dataclass(frozen=True)
class Field:
    """What a number in a file may be; without a `default` it is needed."""

    least: float
    most: float
    unit: str
    default: float | None = None


REGION = {
    "share": Field(0.0, 1.0, "share"),
    "utc_offset_h": Field(-12.0, 14.0, "h"),
    "work": Field(0.0, 1.0, "share", -1.0),
    "nodes": Field(0, NODES_MAX, "", 0),
}
AT = Field(0.0, HOURS_MAX, "h")
EVENTS: Mapping[str, Mapping[str, Field]] = {
    "midnight": {
        "factor": Field(1.0, 1000.0, "times"),
        "half_minutes": Field(0.5, 600.0, "minutes", 10.0),
    },
    "edge_restart": {"at_h": AT, "share": Field(0.0, 1.0, "share", 1.0)},
    "region_lost": {"at_h": AT},
    "cold_cache": {
        "at_h": AT,
        "factor": Field(1.0, 1000.0, "times"),
        "half_minutes": Field(0.5, 600.0, "minutes", 10.0),
    },
    "huge_channel": {
        "members": Field(0.0, 1.0, "share"),
        "posts_per_hour": Field(0.0, 3600.0, "1/h"),
    },
    "growth": {"times": Field(1.0, 1000.0, "times")},
}
REGIONAL = {"edge_restart": False, "region_lost": True}
"""Events that have a region; whether it must be said."""
KNOWN = (
    "name",
    "text",
    "users",
    "days",
    "first_weekday",
    "homes",
    "inputs",
    "region",
    "rtt_ms",
    "event",
    "load",
)
"""`load` is a table of `heliograph load`."""


@dataclass(frozen=True)
class Scenario:
    """`users` and `days`: those of a run that does not say others. `first_weekday`: 0 is Monday.
    `homes`: users and chats live in their regions. `rtt_ms`: between regions (indices, the lower
    one first), where it is not the input's."""

    name: str
    text: str
    users: int
    days: int
    first_weekday: int
    homes: bool
    values: Values
    regions: tuple[Region, ...]
    rtt_ms: Mapping[tuple[int, int], float]
    events: tuple[Event, ...]


def shipped() -> list[str]:
    """Names of the scenarios that come along."""
    return sorted(path.stem for path in SHIPPED.glob("*.toml"))


def load(name: str) -> Scenario:
    """One that comes along, by its name, or a file. Raises Told, in one line, for whatever is wrong
    with it: file, field, and what is allowed."""
    path = SHIPPED / f"{name}.toml"
    if "/" in name or name.endswith(".toml") or not path.exists():
        path = Path(name)
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise Told(f"{name}: {why}; there are {', '.join(shipped())}, or name a file") from error
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise Told(f"{name}: {error}") from error
    return _Reading(path.name, table).scenario()


class _Reading:
    """A file's table, looked at field by field."""

    def __init__(self, file: str, table: Mapping[str, Any]) -> None:
        self.file = file
        self.table = table

    def wrong(self, field: str, words: str) -> Told:
        return Told(f"{self.file}: {field}: {words}")

    def scenario(self) -> Scenario:
        for name in self.table:
            if name not in KNOWN:
                raise self.wrong(name, f"is not known; there are {', '.join(KNOWN)}")
        inputs = self._part("inputs", dict)
        regions = self._regions()
        names = [region.name for region in regions]
        return Scenario(
            name=self._text("name"),
            text=self._text("text"),
            users=round(self._number(self.table, "users", Field(1, 1e10, "", 1_000_000))),
            days=round(self._number(self.table, "days", Field(1, 366, "", 1))),
            first_weekday=round(self._number(self.table, "first_weekday", Field(0, 6, "", 1))),
            homes=self._switch(self.table, "homes"),
            values=Values(checked(inputs, f"{self.file}: inputs")),
            regions=regions,
            rtt_ms=self._rtt_ms(names),
            events=tuple(self._event(each, names) for each in self._part("event", list)),
        )

    def _part(self, name: str, kind: type) -> Any:
        found = self.table.get(name, kind())
        if not isinstance(found, kind):
            raise self.wrong(name, "a table is needed" if kind is dict else f"[[{name}]] is needed")
        return found

    def _text(self, name: str) -> str:
        found = self.table.get(name)
        if not isinstance(found, str) or not found.strip():
            raise self.wrong(name, "a text is needed")
        return found

    def _switch(self, table: Mapping[str, Any], name: str, where: str = "") -> bool:
        found = table.get(name, False)
        if not isinstance(found, bool):
            raise self.wrong(where + name, "true or false is needed")
        return found

    def _number(self, table: Mapping[str, Any], name: str, field: Field, where: str = "") -> float:
        found = table.get(name, field.default)
        allowed = f"{field.least:,.15g} to {field.most:,.15g} {field.unit}".strip()
        if isinstance(found, bool) or not isinstance(found, int | float):
            raise self.wrong(where + name, f"a number is needed ({allowed}), not {found!r}")
        if name in table and not field.least <= found <= field.most:
            raise self.wrong(where + name, f"{found!r} is out of range: allowed is {allowed}")
        return float(found)

    def _fields(
        self, table: Any, known: Mapping[str, Field], others: tuple[str, ...], where: str
    ) -> dict[str, float]:
        if not isinstance(table, dict):
            raise self.wrong(where, "a table is needed")
        for name in table:
            if name not in known and name not in others:
                words = f"is not known; there are {', '.join([*others, *known])}"
                raise self.wrong(f"{where}.{name}", words)
        return {
            name: self._number(table, name, field, f"{where}.") for name, field in known.items()
        }

    def _regions(self) -> tuple[Region, ...]:
        found: list[Region] = []
        for table in self._part("region", list):
            values = self._fields(table, REGION, ("name", "edges_only"), "region")
            name = table.get("name")
            if not isinstance(name, str) or not name or name in [each.name for each in found]:
                raise self.wrong("region.name", f"another name is needed, not {name!r}")
            found.append(
                Region(
                    name=name,
                    share=values["share"],
                    utc_offset_h=values["utc_offset_h"],
                    work=values["work"],
                    nodes=round(values["nodes"]),
                    edges_only=self._switch(table, "edges_only", "region."),
                )
            )
        if not found:
            raise self.wrong(
                "region", "one is needed at least: [[region]] with name, share, utc_offset_h"
            )
        if all(region.edges_only for region in found):
            raise self.wrong("region.edges_only", "one region at least has to keep something")
        total = sum(region.share for region in found)
        if abs(total - 1.0) > SHARES_OFF_MAX:
            raise self.wrong("region.share", f"all together are {total:.6g}, and have to be 1")
        return tuple(found)

    def _region(self, name: Any, names: list[str], field: str) -> int:
        if name not in names:
            raise self.wrong(field, f"there is no region {name!r}; there are {', '.join(names)}")
        return names.index(name)

    def _rtt_ms(self, names: list[str]) -> dict[tuple[int, int], float]:
        found = {}
        table = self._part("rtt_ms", dict)
        for pair in table:
            ends = pair.split(" - ")
            if len(ends) != 2:
                raise self.wrong(f"rtt_ms.{pair}", 'two regions are needed, as in "europe - asia"')
            a, b = (self._region(end, names, f"rtt_ms.{pair}") for end in ends)
            found[min(a, b), max(a, b)] = self._number(table, pair, Field(0, 2000, "ms"), "rtt_ms.")
        return found

    def _event(self, table: Any, names: list[str]) -> Event:
        kind = str(table.get("kind")) if isinstance(table, dict) else ""
        if kind not in EVENTS:
            raise self.wrong("event.kind", f"{kind!r} is not known; there are {', '.join(EVENTS)}")
        regional = kind in REGIONAL
        others = ("kind", "region") if regional else ("kind",)
        values = self._fields(table, EVENTS[kind], others, f"event {kind}")
        if regional and REGIONAL[kind] and "region" not in table:
            raise self.wrong(f"event {kind}.region", f"is needed; there are {', '.join(names)}")
        region = None
        if "region" in table:
            region = self._region(table["region"], names, f"event {kind}.region")
        return Event(kind, region, values)
