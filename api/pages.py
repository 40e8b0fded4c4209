"""Pages: answers that end before they are too long."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeVar

from api import limits
from api.frames import encode

T = TypeVar("T")


def fitting(items: Iterable[T]) -> list[T]:
    """The first of `items` whose JSON together has at most `ANSWER_BYTES_MAX` bytes; at least one,
    if there is one."""
    page: list[T] = []
    left = limits.ANSWER_BYTES_MAX
    for item in items:
        left -= len(encode(item)) + 1
        if left < 0 and page:
            break
        page.append(item)
    return page
