"""How figures are written: always so, wherever they stand."""

from __future__ import annotations

from math import floor, log10

UNITS = ((1e12, " T"), (1e9, " G"), (1e6, " M"), (1e3, " k"))


def whole(value: float) -> str:
    return f"{round(value):,}"


def figure(value: float) -> str:
    """To three digits, or all before the point; never with an exponent."""
    if value == 0:
        return "0"
    digits = max(0, 2 - floor(log10(abs(value))))
    return trimmed(f"{value:,.{min(digits, 9)}f}")


def short(value: float) -> str:
    """For axes and labels: 12 k, 3.4 M."""
    for unit, name in UNITS:
        if abs(value) >= 0.9995 * unit:
            return f"{figure(value / unit)}{name}"
    return figure(value)


def gigabytes(value: float) -> str:
    """In the unit that fits: 3.4 MB, 12 TB."""
    words = short(value * 1e9)
    return f"{words}B" if words[-1].isalpha() else f"{words} B"


def share(value: float) -> str:
    return f"{trimmed(f'{value * 100:,.1f}')}%"


def times(value: float) -> str:
    return f"{figure(value)}×"


def change(value: float) -> str:
    """Of a ratio, less 1: +4.2%, −3%, 0%."""
    words = share(abs(value))
    if words == "0%":
        return words
    return ("+" if value > 0 else "−") + words


def clock(minute: int) -> str:
    """Of a run, in UTC; with the day from the second one on."""
    day, rest = divmod(minute, 1440)
    words = f"{rest // 60:02}:{rest % 60:02}"
    return f"day {day + 1}, {words}" if day else words


def trimmed(digits: str) -> str:
    return digits.rstrip("0").rstrip(".") if "." in digits else digits


def counted(number: int, one: str) -> str:
    """1 minute, 2 minutes."""
    return f"{whole(number)} {one}{'' if number == 1 else 's'}"
