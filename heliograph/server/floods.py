"""The options about flood limits, as an operator writes them."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Annotated

import typer

from api import limits
from api.addresses import parse_networks
from heliograph.failing import Told

OFF = "off"
PER_HOUR_MAX = 3_600_000
RATE = re.compile(r"(\d{1,7})/(\d{1,7})")

FloodLimits = Annotated[
    list[str] | None,
    typer.Option(
        "--flood",
        metavar="KIND=PER_HOUR/BURST",
        help="How often each account may do something, as groups=20/20; groups=off: as often as it "
        f"likes; off: all of {', '.join(limits.FLOODS)}. Repeatable (docs/security.md).",
    ),
]
FloodExempt = Annotated[
    list[str] | None,
    typer.Option(
        metavar="NETWORK",
        help="An address or network, as 192.0.2.0/24, that is under no flood limits. Repeatable.",
    ),
]


class FloodError(Told):
    """These options mean nothing; the message says which and why."""


def read_floods(texts: Iterable[str]) -> dict[str, tuple[int, int]]:
    """What `limits.set_floods` takes. Raises FloodError."""
    found: dict[str, tuple[int, int]] = {}
    for text in texts:
        kind, _, rate = text.partition("=")
        kinds = limits.FLOODS if text == OFF else (kind,)
        rate = OFF if text == OFF else rate
        if not set(kinds) <= limits.FLOODS.keys():
            raise FloodError(
                f"--flood {text}: there is no limit {kind!r}; there are {', '.join(limits.FLOODS)}"
            )
        found.update(dict.fromkeys(kinds, _rate(text, rate)))
    return found


def _rate(text: str, rate: str) -> tuple[int, int]:
    if rate == OFF:
        return 0, 0
    numbers = RATE.fullmatch(rate)
    per_hour, burst = map(int, numbers.groups()) if numbers else (0, 0)
    if not 0 < per_hour <= PER_HOUR_MAX or not burst:
        raise FloodError(
            f"--flood {text}: write how often an hour and how often at once, as groups=20/20, or "
            f"groups={OFF}"
        )
    return per_hour, burst


def read_exempt(texts: Iterable[str]) -> tuple[str, ...]:
    """The networks, each by itself. Raises FloodError."""
    try:
        return tuple(map(str, parse_networks(texts)))
    except ValueError as error:
        raise FloodError(f"--flood-exempt: {error}") from error
