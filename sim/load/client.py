"""One user's device: the `pts` rules of a client, what it sends, and what it hears.

The path of a frame is plain calls, without a task or a future per message. An update is applied
when its number follows the last one; a gap is held for `GAP_S` and then closed by a difference.
Everything that is applied is acknowledged: at once where the last acknowledgement is
`ACK_INTERVAL_S` old, and otherwise when it will be.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from time import monotonic
from typing import NamedTuple

from picows import WSFrame

from api import limits
from api import types as t
from api.errors import ApiError
from sim.load.endpoint import Endpoint
from sim.load.ledger import Receipts
from sim.load.meter import Meter
from sim.load.plan import Account, Backoff
from sim.load.reconnecting import ANSWER_S_MAX, Reconnecting
from sim.load.sender import Sendable, Sender
from sim.load.wire import CONTROL_ID, PREFIX_CHARS, SEQ_END, Frame, NewMessage

ACK_INTERVAL_S = 0.25
GAP_S = 0.5


class Heard(NamedTuple):
    """A stream that a client receives."""

    sender: Sender
    receipts: Receipts


class Client(Reconnecting):
    """A user with a token. `sender` is set by the run for those who send; those who receive have
    what they hear by the prefix of its texts. `fetch` is called with a file that came, and with
    where it is: in which chat and message."""

    def __init__(
        self, account: Account, endpoint: Endpoint, meter: Meter, backoff: Backoff
    ) -> None:
        super().__init__(account, endpoint, meter, backoff)
        self.pts = 0
        self.sender: Sender | None = None
        self.heard: dict[str, Heard] = {}
        self.fetch: Callable[[Client, Sendable, str, int], None] | None = None
        self.last_push = 0.0
        self._ahead: set[int] = set()
        self._ahead_since = 0.0
        self._acked_at = 0.0
        self._ack_planned = False
        self._catching_up = False
        self._later = asyncio.get_running_loop().call_later

    def receive_from(self, sender: Sender, receipts: Receipts) -> None:
        self.heard[sender.prefix] = Heard(sender, receipts)

    def look_after(self, now: float) -> None:
        """Called now and then: close gaps, give up on a connection that answers nothing."""
        if not self.online:
            return
        gap = self._ahead and now - self._ahead_since > GAP_S
        starved = now - self.last_push > 4 * GAP_S and any(
            now - sender.last_ack > 4 * GAP_S and sender.awaits_receipt()
            for sender, _ in self.heard.values()
        )
        if (gap or starved) and not self._catching_up:
            self._catching_up = True
            self.endpoint.spawn(self._close_gap())
        sender = self.sender
        if sender is not None and sender.waited_s(now) > ANSWER_S_MAX:
            self.meter.errors["no_answer"] += 1
            self._drop()

    async def _greeted(self, hello: t.Hello, first: bool) -> None:
        if first:
            self._advance_to(hello.pts)
        else:
            await self._catch_up(hello.pts)

    def _opened(self, now: float) -> None:
        if self.sender is not None:
            self.sender.resume(now)

    def _drop(self) -> None:
        super()._drop()
        self._ahead.clear()

    async def _catch_up(self, until: int) -> None:
        """Fetch what happened after `pts`, at least up to `until`."""
        while True:
            params = {"pts": self.pts, "limit": limits.DIFFERENCE_PAGE_MAX}
            difference = await self.call("updates.difference", params, t.Difference)
            if difference.kind == "too_long":
                for heard in self.heard.values():
                    heard.receipts.from_history = True
            for numbered in difference.updates:
                if isinstance(numbered.update, t.MessageNew):
                    self._caught_up(numbered.update.message, numbered.pts)
            self._advance_to(difference.pts)
            if difference.kind != "slice" or self.pts >= until:
                return

    def _caught_up(self, message: t.Message, pts: int) -> None:
        heard = self.heard.get(message.text[:PREFIX_CHARS])
        if heard is None:
            return
        seq = int(message.text[PREFIX_CHARS:SEQ_END])
        if heard.receipts.caught_up(seq, pts):
            self._received(heard.sender, seq, message.id, monotonic())

    async def _close_gap(self) -> None:
        try:
            before = self.pts
            await self._catch_up(0)
            self.meter.gaps += self.pts > before
        except (ApiError, OSError, TimeoutError):
            self._drop()
        finally:
            self._catching_up = False
            self.last_push = monotonic()

    def on_update(self, pts: int, message: NewMessage | None, connection: int) -> None:
        now = self.last_push = monotonic()
        if pts == self.pts + 1:
            self.pts = pts
            if self._ahead:
                self._advance_to(pts)
        elif pts > self.pts:
            self._hold(pts, now)
        if message is not None:
            heard = self.heard.get(message.text[:PREFIX_CHARS])
            if heard is not None:
                seq = int(message.text[PREFIX_CHARS:SEQ_END])
                if heard.receipts.live(seq, pts, connection):
                    self._received(heard.sender, seq, message.id, now)
        if not self._ack_planned:
            wait_s = self._acked_at + ACK_INTERVAL_S - now
            if wait_s <= 0.0:
                self._acknowledge()
            else:
                self._ack_planned = True
                self._later(wait_s, self._acknowledge)

    def on_answer(self, heard: Frame, frame: WSFrame) -> None:
        if heard.id >= CONTROL_ID:
            self.on_other_frame(frame)
            return
        assert self.sender is not None
        now = monotonic()
        result = heard.result
        if result is not None:
            pts = result.pts
            if pts == self.pts + 1:
                self.pts = pts
                if self._ahead:
                    self._advance_to(pts)
            elif pts > self.pts:
                self._hold(pts, now)
            self.sender.on_sent(heard.id, result.id, now)
        elif heard.error is not None:
            self.sender.on_error(heard.id, heard.error, now)

    def _received(self, sender: Sender, seq: int, message_id: int, now: float) -> None:
        file = sender.files.get(seq)
        meter = self.meter
        if self.away:
            clocks = meter.fetched
        else:
            clocks = meter.deliveries if file is None else meter.file_deliveries
        clocks.add(now, sender.times[seq], sender.left[seq])
        sender.part_done(seq)
        if file is not None and self.fetch is not None:
            self.fetch(self, file, sender.chat_id, message_id)

    def _hold(self, pts: int, now: float) -> None:
        if not self._ahead:
            self._ahead_since = now
        self._ahead.add(pts)

    def _advance_to(self, pts: int) -> None:
        """Everything up to `pts` is applied, and so is what was held and follows it."""
        pts = max(pts, self.pts)
        ahead = self._ahead
        while pts + 1 in ahead:
            pts += 1
        self.pts = pts
        if ahead:
            self._ahead = {held for held in ahead if held > pts}
            self._ahead_since = monotonic()

    def _acknowledge(self) -> None:
        self._ack_planned = False
        if self.online:
            self._acked_at = monotonic()
            self.write(b'{"ack":%d}' % self.pts)
