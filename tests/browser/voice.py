"""What a screen reader says, written down in place of a voice: as much of Speech Dispatcher's
protocol (SSIP) as Orca speaks."""

from __future__ import annotations

import contextlib
import html
import re
import socketserver
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

from tests.browser.tab import HANGS_MS

QUIET_S = 1.2
"""Whoever has said nothing for so long has ended."""
SILENT_S = 5
"""Whoever has not begun by then has nothing to say."""
CHARACTERS_S = 30
"""How fast it speaks: as people have it who hear it all day."""
MARKUP = re.compile(r"<[^>]*>")
DONE, QUEUED, DATA, CLIENT, VOICES, VALUE = 200, 225, 230, 245, 249, 251
ENDED, CANCELLED = 702, 703


@dataclass
class Utterance:
    """Until a time of the monotonic clock, in seconds, if it is not silenced before."""

    text: str
    ends_s: float
    _silenced: threading.Event = field(default_factory=threading.Event)

    @property
    def cut(self) -> bool:
        return self._silenced.is_set()

    def silence(self, now_s: float) -> None:
        if now_s < self.ends_s:
            self._silenced.set()

    def wait(self) -> None:
        """For its end."""
        self._silenced.wait(max(0.0, self.ends_s - time.monotonic()))


class Voice:
    """Listens at a socket. `said` are the utterances, in their order."""

    def __init__(self, socket: Path) -> None:
        self.address = f"unix_socket:{socket}"
        self.said: list[Utterance] = []
        self._free_s = time.monotonic()
        self._changed = threading.Condition()
        self._server = _Server(str(socket), _Connection)
        self._server.voice = self
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def say(self, markup: str) -> Utterance:
        """When what is being said has ended."""
        text = re.sub(r"\s+", " ", html.unescape(MARKUP.sub("", markup))).strip()
        with self._changed:
            self._free_s = max(time.monotonic(), self._free_s) + len(text) / CHARACTERS_S
            utterance = Utterance(text, self._free_s)
            if text:
                self.said.append(utterance)
            self._changed.notify_all()
        return utterance

    def stop(self) -> None:
        """At once, whatever was left to be said."""
        with self._changed:
            self._free_s = time.monotonic()
            for each in self.said:
                each.silence(self._free_s)

    def waits(self, since: int) -> list[Utterance]:
        """What is said from there on, if anything is."""
        with self._changed:
            self._changed.wait_for(lambda: len(self.said) > since, SILENT_S)
        return self.hears("", since)

    def hears(self, words: str, since: int) -> list[Utterance]:
        """What is said from there on: until the words have come, and then until nothing more does.
        Raises `AssertionError` if they do not come."""
        begun_s = time.monotonic()
        with self._changed:
            told = self._changed.wait_for(
                lambda: words in " ".join(each.text for each in self.said[since:]), HANGS_MS / 1000
            )
            assert told, f"{words!r} was not said, but {self.said[since:]}"
            while (left_s := max(begun_s, self._free_s) + QUIET_S - time.monotonic()) > 0:
                self._changed.wait(left_s)
            return self.said[since:]

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


class _Server(socketserver.ThreadingUnixStreamServer):
    daemon_threads = True
    voice: Voice


class _Connection(socketserver.StreamRequestHandler):
    """Of one client. Whatever it wants set is set."""

    server: _Server

    def handle(self) -> None:
        self._count = 0
        self._writing = threading.Lock()
        for line in self.rfile:
            self._answer(line.decode().strip())

    def _answer(self, command: str) -> None:
        word, _, rest = command.partition(" ")
        if word == "SPEAK":
            self._tell(DATA)
            self._say(self._data())
        elif word in ("CHAR", "KEY"):
            self._say(rest)
        elif word in ("STOP", "CANCEL"):
            self.server.voice.stop()
            self._tell(DONE)
        elif word == "HISTORY":
            self._tell(CLIENT, "1")
        elif command == "LIST SYNTHESIS_VOICES":
            self._tell(VOICES, "written\ten\tnone")
        elif word in ("GET", "LIST"):
            self._tell(VALUE, "en" if rest == "LANGUAGE" else "written")
        else:
            self._tell(DONE)

    def _say(self, markup: str) -> None:
        """And tell of its end, for which whoever reads on and on waits."""
        utterance = self.server.voice.say(markup)
        self._count += 1
        self._tell(QUEUED, str(self._count))
        about = (str(self._count), "1")

        def follow() -> None:
            utterance.wait()
            with contextlib.suppress(OSError):  # the client has gone
                self._tell(CANCELLED if utterance.cut else ENDED, *about)

        threading.Thread(target=follow, daemon=True).start()

    def _data(self) -> str:
        """Until a line with a dot alone."""
        lines = []
        while (line := self.rfile.readline().decode().rstrip("\r\n")) != ".":
            lines.append(line[1:] if line.startswith("..") else line)
        return " ".join(lines)

    def _tell(self, code: int, *values: str) -> None:
        lines = [f"{code}-{value}" for value in values] + [f"{code} OK"]
        with self._writing:
            self.wfile.write("".join(f"{line}\r\n" for line in lines).encode())
