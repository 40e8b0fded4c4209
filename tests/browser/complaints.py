"""What a browser complains of: errors, what the policy forbids, and requests to other hosts. A test
fails for each that it has not said to expect."""

from __future__ import annotations

import re

from playwright.sync_api import BrowserContext, ConsoleMessage, WebError

UNREACHABLE = (
    r"net::ERR_|WebSocket connection to .* failed|WebSocket is already in CLOSING"
    r"|An unknown error occurred when fetching the script"
)
"""What Chromium says of what does not get through. The last is of a service worker's script (an
answer that the browser does not like has a text of its own)."""


class Complaints:
    """Of all tabs and workers of a profile."""

    def __init__(self, context: BrowserContext) -> None:
        self._found: list[str] = []
        self._expected: list[str] = []
        context.on("console", self._said)
        context.on("weberror", self._broke)

    def expect(self, *patterns: str) -> None:
        """These are no fault, before and after."""
        self._expected += patterns

    def left(self) -> list[str]:
        return [
            each
            for each in self._found
            if not any(re.search(pattern, each) for pattern in self._expected)
        ]

    def _said(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning", "assert"):
            self._found.append(f"{message.type}: {message.text} ({message.location['url']})")

    def _broke(self, error: WebError) -> None:
        self._found.append(f"uncaught: {error.error.stack or error.error.message}")
