"""What a refusal of the HTTP front looks like."""

from __future__ import annotations

import re

import httpx2
import msgspec

from api.errors import ApiError, Problem
from tests.integration.running import ROOT

PROBLEM = "application/problem+json"
INSIDE = re.compile(
    r"Traceback|\.py\b|site-packages|<\w+ object|\bat 0x|"
    r"/(?:bin|dev|etc|home|lib|mnt|opt|proc|root|run|srv|tmp|usr|var|work)\b"
)
"""What no client is told."""


def check_refusal(answer: httpx2.Response, code: str) -> None:
    """It is the problem document of this code, as registered, and tells nothing else."""
    assert answer.headers["content-type"] == PROBLEM, answer.text
    problem = msgspec.json.decode(answer.content, type=Problem)
    assert problem.code == code
    assert problem == ApiError.from_problem(problem).problem()
    assert answer.json() == msgspec.to_builtins(problem)
    assert answer.status_code == problem.status
    told = f"{answer.text} {list(answer.headers.items())}"
    assert not INSIDE.search(told), told
    assert str(ROOT) not in told
