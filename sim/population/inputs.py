"""Inputs of population runs: what there is (`inputs.toml`), and what a scenario makes of it."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from heliograph.failing import Told


@dataclass(frozen=True)
class Input:
    """See `inputs.toml`."""

    name: str
    unit: str
    default: float
    low: float
    high: float
    least: float
    most: float
    source: str
    confidence: Literal["measured", "published", "assumption"]
    text: str

    @property
    def allowed(self) -> str:
        """In words."""
        of = "" if self.unit in ("1", "share") else f" {self.unit}"
        return f"{self.least:,.15g} to {self.most:,.15g}{of}"


def _read() -> dict[str, Input]:
    text = Path(__file__).with_name("inputs.toml").read_text(encoding="utf-8")
    return {name: Input(name=name, **fields) for name, fields in tomllib.loads(text).items()}


INPUTS: Mapping[str, Input] = _read()


OF_CORES = ("node.hosts", "node.edges", "node.media")
"""Of a machine with more cores there are as many times more, unless they are said."""


class Values:
    """What inputs are; those that are not `changed` have their defaults."""

    def __init__(self, changed: Mapping[str, float] | None = None) -> None:
        self.changed = dict(changed or {})

    def __getitem__(self, name: str) -> float:
        default = INPUTS[name].default
        if name in OF_CORES:
            cores = self["node.cores"] / INPUTS["node.cores"].default
            default = min(max(1, round(default * cores)), INPUTS[name].most)
        return self.changed.get(name, default)

    def whole(self, name: str) -> int:
        return round(self[name])

    def but(self, **changed: float) -> Values:
        """With others, by name with two underscores instead of each dot."""
        found = {name.replace("__", "."): value for name, value in changed.items()}
        return Values(self.changed | found)

    def all(self) -> dict[str, float]:
        return {name: self[name] for name in INPUTS}


def checked(table: Mapping[str, Any], where: str) -> dict[str, float]:
    """Inputs from a file, whose name is in `where`. Raises Told."""
    found = {}
    for name, value in table.items():
        known = INPUTS.get(name)
        if known is None:
            words = "there is no such input; heliograph sim population inputs lists them"
            raise Told(f"{where}: {name}: {words}")
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise Told(f"{where}: {name}: a number is needed ({known.allowed}), not {value!r}")
        if not known.least <= value <= known.most:
            raise Told(f"{where}: {name} = {value!r}: allowed is {known.allowed}")
        if known.unit == "1" and isinstance(known.default, int) and value != int(value):
            raise Told(f"{where}: {name} = {value!r}: a whole number is needed ({known.allowed})")
        found[name] = value
    return found
