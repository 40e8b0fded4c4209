"""Latencies as HDR histograms: nanoseconds up to an hour, to three digits.

Outside the process that fills it a histogram is its text, as HdrHistogram's format V2 (compressed,
in base64) has it: that is what is sent, saved and merged, and what other tools read.
"""

from __future__ import annotations

import binascii
import zlib
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any

import numpy as np
from hdrh.codec import HdrCookieException, HdrLengthException
from hdrh.histogram import HdrHistogram

HIGHEST_NS = 3_600_000_000_000
DIGITS = 3
EXACT_BITS = 11
"""So many leading bits of a value are kept: those of three digits."""

UNREADABLE = (
    *(HdrCookieException, HdrLengthException, binascii.Error, zlib.error),
    *(ValueError, TypeError, IndexError),
)


def _empty() -> Any:
    return HdrHistogram(1, HIGHEST_NS, DIGITS)


def histogram_of(seconds: Sequence[float]) -> str:
    """The histogram of some latencies in seconds."""
    histogram = _empty()
    values = np.clip(np.asarray(seconds, dtype=float) * 1e9, 0, HIGHEST_NS).astype(np.int64)
    bits = np.frexp(values.astype(float))[1]
    finer = np.maximum(bits - EXACT_BITS, 0)
    # Values that are one to the histogram, added at once: it is slow with each by itself.
    for value, count in zip(*np.unique(values >> finer << finer, return_counts=True), strict=True):
        histogram.record_value(int(value), int(count))
    return _text(histogram)


def merged(histograms: Iterable[str]) -> str:
    """The histogram of all their latencies. Raises ValueError."""
    total = _empty()
    for text in histograms:
        total.add(_decoded(text))
    return _text(total)


def count_of(histogram: str) -> int:
    """How many latencies there are. Raises ValueError."""
    return int(_decoded(histogram).get_total_count())


def quantile_ms(histogram: str, percent: float) -> float:
    """The smallest latency that at least so many per cent do not exceed, in milliseconds, a
    thousandth too large at most; 0 where there is none. Raises ValueError."""
    found = _decoded(histogram)
    total = found.get_total_count()
    if not total:
        return 0.0
    # The library's own takes the rank nearest to it, which of few latencies is a smaller one.
    rank = max(1, -(-total * percent // 100))
    place = np.searchsorted(np.cumsum(np.ctypeslib.as_array(found.counts)), rank)
    highest_ns = found.get_highest_equivalent_value(found.get_value_from_index(int(place)))
    return round(float(highest_ns) / 1e6, 3)


def _text(histogram: Any) -> str:
    return str(histogram.encode().decode())


@lru_cache(maxsize=64)
def _decoded(text: str) -> Any:
    try:
        return HdrHistogram.decode(text)
    except UNREADABLE as error:
        raise ValueError("not a histogram of HdrHistogram's format V2") from error


EMPTY = _text(_empty())
