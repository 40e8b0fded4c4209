"""The live side of a client: a connection that comes back by itself, and updates through the gate.

One task (`run`) connects, says hello and connects again until the session ends. While a connection
is up, two more work on it: one sends heartbeats and gives up on a silent server, the other fetches
differences whenever the gate misses something and the application has room for it.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable
from urllib.parse import urlsplit

from api import limits
from api import types as t
from api.errors import ApiError
from api.frames import Close
from api.methods import METHODS, GetConfig, GetDifference, SayHello
from api.urls import bracketed
from heliograph._acks import Acks
from heliograph._config import Backoff, ConnectionState, Timeouts
from heliograph._errors import ConnectionLost, Displaced, ProtocolError, SessionEnded
from heliograph._http import Http, decode_result
from heliograph._inbox import Inbox
from heliograph._live import Live
from heliograph._sync import Gate
from heliograph._transport import Connect
from heliograph._wire import Frame, Item, Resync, ack_frame, decode_difference, event_of, update_of

SILENCE_HEARTBEATS = 2.5
FAILURES_BEFORE_CONFIG = 2
HURRIED_CLOSES = (Close.FLOOD, Close.TOO_SLOW, Close.BAD_FRAME)
"""After these, coming back at once would only repeat what went wrong."""


class LiveLink:
    """See the module. `on_hello` is told who this is; `on_state` how the connection is."""

    def __init__(
        self,
        http: Http,
        token: str,
        gate: Gate,
        inbox: Inbox,
        timeouts: Timeouts,
        backoff: Backoff,
        context: ssl.SSLContext | None,
        connect: Connect,
        on_hello: Callable[[t.Hello], None],
        on_state: Callable[[ConnectionState], None],
    ) -> None:
        self.live: Live | None = None
        self.acks = Acks(self._write_ack, timeouts.ack_s, gate.pts or 0)
        self._http = http
        self._token = token
        self._gate = gate
        self._inbox = inbox
        self._timeouts = timeouts
        self._backoff = backoff
        self._context = context
        self._connect = connect
        self._on_hello = on_hello
        self._on_state = on_state
        self._loop = asyncio.get_running_loop()
        self._addresses: list[str] = []
        self._wanted = asyncio.Event()
        self._gap: asyncio.TimerHandle | None = None
        self._gap_pts = 0
        self._parked = False
        self._updated_at = self._loop.time()
        self._opening: Live | None = None

    async def run(self) -> None:
        """Stay connected. Returns never; raises `SessionEnded`, `Displaced`."""
        failures = 0
        while True:
            self._on_state("connecting")
            wait_s = 0.0
            try:
                live, hello = await self._open(failures)
                opened_at = self._loop.time()
                try:
                    await self._serve(live, hello)
                finally:
                    self._drop(live)
                    if self._loop.time() - opened_at > self._backoff.max_s:
                        failures = 0
                if live.close_code == Close.SESSION_ENDED:
                    raise SessionEnded("the session has ended; log in again")
                if live.close_code == Close.TOO_MANY:
                    raise Displaced("this login is in use by too many clients; this one gave way")
                if live.close_code in HURRIED_CLOSES:
                    wait_s = 1.0
            except ApiError as error:
                if error.code == "unauthorized":
                    raise SessionEnded(error.detail) from error
                wait_s = error.retry_after or 0.0
            except (ConnectionLost, ProtocolError):
                pass
            failures += 1
            self._on_state("offline")
            await asyncio.sleep(max(wait_s, self._backoff.wait_s(failures)))

    def room(self) -> None:
        """The application has taken updates: go on fetching, if that was put off."""
        if self._parked or self._gate.missing:
            self._wanted.set()

    def doubt(self, pts: int = 0) -> None:
        """Something may have happened that was not pushed here: up to `pts`, if that is known."""
        self._gate.heard_of(pts)
        self._wanted.set()

    def push(self, pts: int, update: Item) -> None:
        """An update, pushed or made from the answer to an own send."""
        self._updated_at = self._loop.time()
        if self._inbox.full:
            self._gate.heard_of(pts)
            return
        for number, item in self._gate.push(pts, update):
            self._inbox.put(number, item)
        self._watch_gap()

    # --- connecting -----------------------------------------------------------------------------

    async def _open(self, failures: int) -> tuple[Live, t.Hello]:
        """Connect and say hello, at the first address that works."""
        if not self._addresses or failures % FAILURES_BEFORE_CONFIG == 0:
            config = await self._http.call(GetConfig(), "", self._timeouts.attempt_s)
            self._addresses = addresses(self._http.server, config)
        lost: ConnectionLost | None = None
        for url in self._addresses:
            live = Live(self._on_frame, self._connect)
            self._opening = live
            try:
                await live.open(url, self._timeouts.connect_s, self._context)
                hello = await live.request(
                    SayHello(self._token), self._greeted, self._timeouts.attempt_s
                )
                return live, hello
            except ConnectionLost as error:
                lost = error
                self._drop(live)
                if live.close_code == Close.SESSION_ENDED:
                    raise SessionEnded("the session has ended; log in again") from error
            except BaseException:
                self._drop(live)
                raise
        raise lost or ConnectionLost("the server tells no address for live connections")

    def _greeted(self, body: bytes) -> t.Hello:
        """The answer to hello, before any update that follows it."""
        hello: t.Hello = decode_result(METHODS["session.hello"], body)
        self._updated_at = self._loop.time()
        self._wanted.clear()
        if self._gate.hello(hello.pts):
            self._wanted.set()
        self._on_hello(hello)
        self.live = self._opening
        return hello

    async def _serve(self, live: Live, hello: t.Hello) -> None:
        """Work on a connection until it is over. Raises what makes it useless."""
        self.acks.resume()
        self._on_state("syncing" if self._wanted.is_set() else "online")
        tasks = [
            asyncio.create_task(live.closed.wait()),
            asyncio.create_task(self._beat(live, max(hello.heartbeat_s, 1))),
            asyncio.create_task(self._fetch(live)),
        ]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            if not live.closed.is_set():
                for task in done:
                    task.result()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    def _drop(self, live: Live) -> None:
        self.live = None
        if self._gap is not None:
            self._gap.cancel()
            self._gap = None
        live.close()

    async def _beat(self, live: Live, heartbeat_s: int) -> None:
        number = 0
        while True:
            await asyncio.sleep(heartbeat_s)
            now = self._loop.time()
            if now - live.heard_at > SILENCE_HEARTBEATS * heartbeat_s:
                raise ConnectionLost("the server is silent")
            if now - self._updated_at > self._timeouts.quiet_s:
                self._updated_at = now
                self.doubt()
            number += 1
            live.ping(number)

    # --- updates --------------------------------------------------------------------------------

    def _on_frame(self, frame: Frame) -> None:
        if frame.update:
            self.push(frame.pts, update_of(frame.update))
        elif frame.event:
            event = event_of(frame.event)
            if event is not None:
                self._inbox.put_event(event)
        elif frame.pts:
            # The server's own connection was interrupted: this is where the mailbox is now.
            self._gate.heard_of(frame.pts)
            if self._gate.missing:
                self._wanted.set()

    def _watch_gap(self) -> None:
        if self._gate.missing and self._gap is None:
            assert self._gate.pts is not None
            self._gap_pts = self._gate.pts
            self._gap = self._loop.call_later(self._timeouts.gap_s, self._gap_due)

    def _gap_due(self) -> None:
        self._gap = None
        if not self._gate.missing:
            return
        if self._gate.pts == self._gap_pts:
            self._wanted.set()
        else:
            self._watch_gap()

    async def _fetch(self, live: Live) -> None:
        """Fetch differences whenever they are wanted and there is room for them."""
        while True:
            await self._wanted.wait()
            self._wanted.clear()
            if self._inbox.full:
                self._parked = True  # until `room`
                continue
            self._parked = False
            try:
                progress = await self._fetch_one(live)
            except ApiError as error:
                if not error.retryable:
                    raise ConnectionLost(f"no difference: {error}") from error
                await asyncio.sleep(error.retry_after or self._timeouts.gap_s)
                self._wanted.set()
                continue
            if not self._gate.missing:
                self._on_state("online")
            elif progress:
                self._wanted.set()
            else:
                self._watch_gap()

    async def _fetch_one(self, live: Live) -> bool:
        """Returns whether the gate moved."""
        before = self._gate.pts
        assert before is not None
        question = GetDifference(before, limits.DIFFERENCE_PAGE_MAX)
        timeout_s = self._timeouts.attempt_s
        difference = await live.request(question, decode_difference, timeout_s)
        passed = self._gate.difference(before, difference)
        if passed.resync:
            self._inbox.put(difference.pts, Resync(difference.pts))
        for pts, item in passed.updates:
            self._inbox.put(pts, item)
        return self._gate.pts != before

    def _write_ack(self, pts: int) -> bool:
        return self.live is not None and self.live.acknowledge(ack_frame(pts))


def addresses(server: str, config: t.Config) -> list[str]:
    """Where to try live connections, in order. A server that is reached safely is never left for
    an unsafe address: the token would be readable on the way."""
    base = urlsplit(server)
    secure = base.scheme == "https"
    found = []
    live = config.ws_url
    if not live and config.ws_port:
        host = base.hostname or ""
        live = f"ws://{bracketed(host)}:{config.ws_port}/ws"
    if live and not (secure and urlsplit(live).scheme != "wss"):
        found.append(live)
    if config.ws_fallback_path:
        scheme = "wss" if secure else "ws"
        found.append(f"{scheme}://{base.netloc}{base.path}{config.ws_fallback_path}")
    return found
