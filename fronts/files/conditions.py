"""Which part of some content is answered, and whether it is: the conditions and ranges of RFC 9110,
sections 13 and 14, for content that never changes and has no date.

    13.2.2   If-Match, then If-None-Match, then Range with If-Range. The two that compare dates
             are ignored where there is no date to compare with (13.1.3, 13.1.4).
    14.2     Ranges are for GET; for HEAD they are ignored, and so is what cannot be read, or is in
             another unit.
    14.2     Of several ranges those that begin after the end are passed over. One that is left is
             answered in part; more are answered with the whole, which a server may.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

_TAG = re.compile(rb'(W/)?("[\x21\x23-\x7e\x80-\xff]*")')
_INT_RANGE = re.compile(rb"([0-9]+)-([0-9]*)\Z")
_SUFFIX_RANGE = re.compile(rb"-([0-9]+)\Z")
_DIGITS_MAX = 18
"""Of numbers that are longer, all that matters is that no file has so many bytes."""


class Part(NamedTuple):
    """The bytes [start, stop), to be answered with this status: 200, 206; without content 304, 412,
    416."""

    status: int
    start: int
    stop: int


def part_of(verb: str, headers: dict[bytes, bytes], etag: bytes, size: int) -> Part:
    """What of content with this strong entity tag and size is answered."""
    whole = Part(200, 0, size)
    if b"if-match" in headers and not _matches(headers[b"if-match"], etag, strongly=True):
        return Part(412, 0, 0)
    if b"if-none-match" in headers and _matches(headers[b"if-none-match"], etag, strongly=False):
        return Part(304, 0, 0)
    if verb != "GET" or b"range" not in headers:
        return whole
    if headers.get(b"if-range", etag).strip() != etag:  # a date is of nothing that we have
        return whole
    asked = _ranges(headers[b"range"], size)
    if asked is None:
        return whole
    found = [part for part in asked if part.start < part.stop]
    if not found:
        return Part(416, 0, 0)
    return found[0] if len(found) == 1 else whole


def _matches(condition: bytes, etag: bytes, *, strongly: bool) -> bool:
    """Whether a list of entity tags names this one; `*` names every one. A list that cannot be read
    names none."""
    if condition.strip() == b"*":
        return True
    found = False
    for element in _elements(condition):
        tag = _TAG.fullmatch(element)
        if tag is None:
            return False
        found = found or (tag[2] == etag and not (strongly and tag[1]))
    return found


def _elements(text: bytes) -> Iterator[bytes]:
    """Those of a list (5.6.1.2: empty ones are passed over); a quoted one may have commas."""
    for found in re.finditer(rb'(?:"[^"]*"|[^",])+|"', text):
        element = found[0].strip(b" \t")
        if element:
            yield element


def _ranges(header: bytes, size: int) -> list[Part] | None:
    """All ranges that are asked for, empty ones where there is nothing; None if this is no list of
    ranges of bytes."""
    unit, equals, listed = header.partition(b"=")
    if unit.lower() != b"bytes" or not equals:
        return None
    found = []
    for element in _elements(listed):
        part = _one_range(element, size)
        if part is None:
            return None
        found.append(part)
    return found or None


def _one_range(text: bytes, size: int) -> Part | None:
    if suffix := _SUFFIX_RANGE.match(text):
        return Part(206, max(0, size - _number(suffix[1])), size)
    if asked := _INT_RANGE.match(text):
        first, last = _number(asked[1]), _number(asked[2]) if asked[2] else size
        return Part(206, first, min(size, last + 1)) if first <= last or not asked[2] else None
    return None


def _number(digits: bytes) -> int:
    digits = digits.lstrip(b"0") or b"0"
    return int(digits) if len(digits) <= _DIGITS_MAX else 10**_DIGITS_MAX
