"""The rows of a throttle have to be readable."""

from __future__ import annotations

from actors.throttle.turns import BUCKETS, HEAD
from actors.verify.plain import PlainCheck


class ThrottleCheck(PlainCheck):
    tables = (HEAD, BUCKETS)
