"""What of a text can be seen, and what one line of it may hold: for names, titles, texts, devices
and files alike.

From Unicode's properties: White_Space, Default_Ignorable_Code_Point (what is drawn as nothing where
it does nothing: joiners, variation selectors, fillers, soft hyphens) and general categories, and a
few signs whose glyph is blank. Python's `unicodedata` has no such properties, and regular
expressions of ECMAScript and Python share no syntax for them, so the ranges stand here (Unicode
16.0, DerivedCoreProperties.txt and PropList.txt; what is unassigned may be the emoji of next year
and is taken as visible).

Joiners and variation selectors are only not *enough*: they stay where there is something to see,
for emoji, Persian and the scripts of India need them.
"""

from __future__ import annotations

import re

END = "(?![\\s\\S])"
"""End of input, alike for Python and ECMAScript ('$' would let a newline pass in Python)."""

Ranges = tuple[tuple[int, int], ...]

CONTROLS: Ranges = ((0x00, 0x1F), (0x7F, 0x9F))
SEPARATORS: Ranges = ((0x2028, 0x2029),)
"""Of lines and paragraphs."""
DIRECTIONS: Ranges = ((0x202A, 0x202E), (0x2066, 0x206F))
"""Embeddings, overrides and isolates, which make a line look like another one, and the deprecated
formats behind them. (The marks U+200E, U+200F and U+061C are harmless.)"""
ANNOTATIONS: Ranges = ((0xFFF9, 0xFFFB),)
SURROGATES: Ranges = ((0xD800, 0xDFFF),)

WHITE: Ranges = (
    *((0x09, 0x0D), (0x20, 0x20), (0x85, 0x85), (0xA0, 0xA0), (0x1680, 0x1680)),
    *((0x2000, 0x200A), (0x2028, 0x2029), (0x202F, 0x202F), (0x205F, 0x205F), (0x3000, 0x3000)),
)
IGNORABLE: Ranges = (
    *((0xAD, 0xAD), (0x34F, 0x34F), (0x61C, 0x61C), (0x115F, 0x1160), (0x17B4, 0x17B5)),
    *((0x180B, 0x180F), (0x200B, 0x200F), (0x202A, 0x202E), (0x2060, 0x206F), (0x3164, 0x3164)),
    *((0xFE00, 0xFE0F), (0xFEFF, 0xFEFF), (0xFFA0, 0xFFA0), (0xFFF0, 0xFFF8)),
    *((0x1BCA0, 0x1BCA3), (0x1D173, 0x1D17A), (0xE0000, 0xE0FFF)),
)
BLANK: Ranges = ((0x2800, 0x2800), (0x13430, 0x13440), (0x16FE4, 0x16FE4), (0x1D159, 0x1D159))
"""A Braille cell without dots, what arranges hieroglyphs, a filler, a note without a head."""

NOT_IN_A_LINE = (*CONTROLS, *SEPARATORS, *DIRECTIONS, *ANNOTATIONS, *SURROGATES)
UNSEEN = (*NOT_IN_A_LINE, *WHITE, *IGNORABLE, *BLANK)


def _merged(ranges: Ranges) -> list[tuple[int, int]]:
    merged: list[tuple[int, int]] = []
    for first, last in sorted(ranges):
        if merged and first <= merged[-1][1] + 1:
            merged[-1] = (merged[-1][0], max(merged[-1][1], last))
        else:
            merged.append((first, last))
    return merged


def _members(ranges: Ranges) -> str:
    """The inside of a class of a regular expression. Beyond U+FFFF the characters themselves:
    Python and ECMAScript have no escape in common for them."""

    def written(code: int) -> str:
        return f"\\u{code:04x}" if code <= 0xFFFF else chr(code)

    return "".join(
        written(first) if first == last else f"{written(first)}-{written(last)}"
        for first, last in _merged(ranges)
    )


VISIBLE = f"[^{_members(UNSEEN)}]"
"""A character that can be seen."""
_IN_A_LINE = f"[^{_members(NOT_IN_A_LINE)}]*"
LINE = f"^{_IN_A_LINE}{VISIBLE}{_IN_A_LINE}{END}"
"""One line, something of which can be seen."""
LINE_OR_NONE = f"^({_IN_A_LINE}{VISIBLE}{_IN_A_LINE})?{END}"
TEXT_OR_NONE = f"^{END}|{VISIBLE}"

_visible = re.compile(VISIBLE).search
_not_in_a_line = re.compile(f"[{_members(NOT_IN_A_LINE)}]+")


def is_visible(text: str) -> bool:
    """Whether anything of a text can be seen."""
    return _visible(text) is not None


def as_line(text: str) -> str:
    """What of a text may stand in one line."""
    return _not_in_a_line.sub("", text)
