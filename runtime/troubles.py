"""What is wrong at present: told once when it begins, again after growing pauses while it lasts,
and once when it is over; and lines of a log that say the same again and again. No clock, no I/O:
whoever looks says when.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Final

REPEAT_S_MIN: Final = 10.0
REPEAT_S_MAX: Final = 3600.0
GROWTH: Final = 3.0
"""Each pause between two lines about the same thing is so many times the one before."""
LINES_MAX: Final = 1_000
"""So many different lines are remembered."""


class _Told:
    """Something that was said at a time, and is said again when it is `due`."""

    def __init__(self, now_s: float) -> None:
        self.told_s = now_s
        self.pause_s = REPEAT_S_MIN

    def due(self, now_s: float) -> bool:
        if now_s - self.told_s < self.pause_s:
            return False
        self.told_s = now_s
        self.pause_s = min(GROWTH * self.pause_s, REPEAT_S_MAX)
        return True


class _Trouble:
    def __init__(self, what: str, now_s: float) -> None:
        self.since_s = now_s
        self.begin(what, now_s)

    def begin(self, what: str, now_s: float) -> None:
        self.what = what
        self.told = _Told(now_s)


class Troubles:
    """See the module."""

    def __init__(self) -> None:
        self._by_name: dict[str, _Trouble] = {}

    def look(self, wrong: Mapping[str, str], now_s: float) -> list[str]:
        """Something is wrong with these and with nothing else; returns the lines that are to be
        logged now. `wrong`: by the name of a part, what, as "does not answer"; if that changes, it
        is told anew."""
        lines = [line for name in sorted(wrong) for line in self._at(name, wrong[name], now_s)]
        for name in sorted(self._by_name.keys() - wrong.keys()):
            lasted_s = now_s - self._by_name.pop(name).since_s
            lines.append(f"{name} is well again, after {lasted_s:.0f} s")
        return lines

    def _at(self, name: str, what: str, now_s: float) -> list[str]:
        known = self._by_name.get(name)
        if known is None:
            self._by_name[name] = _Trouble(what, now_s)
            return [f"{name} {what}"]
        if known.what != what:
            known.begin(what, now_s)
            return [f"{name} {what}"]
        if not known.told.due(now_s):
            return []
        return [f"{name} {what}, for {now_s - known.since_s:.0f} s now"]


class _Line(_Told):
    def __init__(self, now_s: float) -> None:
        super().__init__(now_s)
        self.heard_s = now_s
        self.unsaid = 0


class Repeats:
    """Which lines are to be written: the first of those that say the same, and then one after each
    of growing pauses. One that was not heard for such a pause is news again."""

    def __init__(self) -> None:
        self._lines: dict[Hashable, _Line] = {}

    def heard(self, line: Hashable, now_s: float) -> int | None:
        """Somebody wants to say this; None: it is not to be written. Else it is, and was not so
        many times before."""
        known = self._lines.pop(line, None)
        if known is None or now_s - known.heard_s >= known.pause_s:
            known = _Line(now_s)
            self._put(line, known)
            return 0
        known.heard_s = now_s
        self._put(line, known)
        if not known.due(now_s):
            known.unsaid += 1
            return None
        unsaid, known.unsaid = known.unsaid, 0
        return unsaid

    def _put(self, line: Hashable, known: _Line) -> None:
        """As the one that was heard last."""
        self._lines[line] = known
        if len(self._lines) > LINES_MAX:
            del self._lines[next(iter(self._lines))]
