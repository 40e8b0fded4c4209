"""A client of Heliograph with nothing but a WebSocket library (`pip install websockets`): it
connects, loses the connection, comes back, and misses nothing.

    python resume.py ws://localhost:8001/ws TOKEN

prints every update of the account, one line of JSON each, and sends what it reads, lines of the
form `CHAT_ID TEXT`. The token is what `auth.login` answers; the address, what `help.config` does.
"""

from __future__ import annotations

import asyncio
import json
import random
import sys
from collections.abc import Callable
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake

FINAL = {4003: "the session has ended", 4006: "too many connections of this session"}
"""After these, a client does not come back by itself."""
REPEATED = {"overloaded", "unavailable", "storage_full", "flood"}
ACK_S, GAP_S, PAUSE_S_MIN, PAUSE_S_MAX = 0.1, 0.5, 0.1, 10.0

Answer = Callable[[dict[str, Any]], None]


class Client:
    """`show` is called with each update, once and in order."""

    def __init__(self, url: str, token: str, show: Callable[[int, Any], None]) -> None:
        self.url, self.token, self.show = url, token, show
        self.pts: int | None = None  # all updates up to this one have been shown: keep it
        self.held: dict[int, Any] = {}  # what came too early
        self.unsent: dict[int, dict[str, Any]] = {}  # sends without an answer, by random_id
        self.pause_s = PAUSE_S_MIN
        self.ws: ClientConnection | None = None
        self.ready = False  # hello was answered

    # --- a connection, and the next one -------------------------------------------------------

    async def run(self) -> str:
        """Returns why there will be no further connection."""
        while True:
            try:
                async with connect(self.url) as self.ws:
                    await self.serve(self.ws)
            except ConnectionClosed as closed:
                code = closed.rcvd.code if closed.rcvd else 0
                if code in FINAL:
                    return FINAL[code]
            except (OSError, TimeoutError, InvalidHandshake):
                pass
            finally:
                self.ready = False
            await asyncio.sleep(self.pause_s * random.uniform(0.5, 1.0))
            self.pause_s = min(2 * self.pause_s, PAUSE_S_MAX)

    async def serve(self, ws: ClientConnection) -> None:
        """Hello comes first; what a broken connection left open is taken up when it is answered."""
        self.answers: dict[int, Answer] = {}
        self.number = 0
        self.asking = self.acking = False
        self.heartbeat_s = 30.0
        self.held.clear()
        self.ask("session.hello", {"token": self.token}, self.greeted)
        beating = asyncio.create_task(self.beat())
        try:
            while True:
                frame = json.loads(await asyncio.wait_for(ws.recv(), 2.5 * self.heartbeat_s))
                if "id" in frame:
                    self.answers.pop(frame["id"])(frame)
                elif "update" in frame:
                    self.updated(frame["pts"], frame["update"])
                elif "pts" in frame and frame["pts"] != self.pts:
                    self.ask_difference()
        finally:
            beating.cancel()

    def say(self, frame: dict[str, Any]) -> None:
        if self.ws is not None:
            asyncio.ensure_future(self.ws.send(json.dumps(frame))).add_done_callback(
                lambda sent: sent.cancelled() or sent.exception()  # `serve` is told as well
            )

    def ask(self, method: str, params: dict[str, Any], answer: Answer) -> None:
        self.number += 1
        self.answers[self.number] = answer
        self.say({"id": self.number, "method": method, "params": params})

    def later(self, wait_s: float, what: Callable[..., None], *given: Any) -> None:
        """Do something later, if it is still this connection by then."""
        ws = self.ws

        def due() -> None:
            if self.ready and self.ws is ws:
                what(*given)

        asyncio.get_running_loop().call_later(wait_s, due)

    async def beat(self) -> None:
        while True:
            await asyncio.sleep(self.heartbeat_s)
            self.say({"ping": 1})

    def greeted(self, frame: dict[str, Any]) -> None:
        if "error" in frame:  # `unauthorized`: 4003 follows
            if frame["error"]["code"] != "unauthorized":
                raise TimeoutError("come again later")
            return
        hello = frame["result"]
        self.ready = True
        self.heartbeat_s, self.pause_s = hello["heartbeat_s"], PAUSE_S_MIN
        if self.pts is None:
            self.pts = hello["pts"]
            print(json.dumps({"begins": self.pts}), flush=True)
        elif self.pts != hello["pts"]:
            self.ask_difference()
        for random_id in list(self.unsent):
            self.send_again(random_id)

    # --- updates: each once, in order ---------------------------------------------------------

    def updated(self, pts: int, update: Any) -> None:
        assert self.pts is not None
        self.held[pts] = update
        while (known := self.held.pop(self.pts + 1, None)) is not None:
            self.pts += 1
            self.show(self.pts, known)
            self.acknowledge()
        self.held = {number: later for number, later in self.held.items() if number > self.pts}
        if self.held:  # something is missing: wait for it a moment, then ask
            self.later(GAP_S, self.fill, self.pts)

    def fill(self, pts: int) -> None:
        if self.held and self.pts == pts:
            self.ask_difference()

    def ask_difference(self) -> None:
        if not self.asking:
            self.asking = True
            self.ask("updates.difference", {"pts": self.pts}, self.differs)

    def differs(self, frame: dict[str, Any]) -> None:
        self.asking = False
        if "error" in frame:
            wait_s = frame["error"].get("retry_after", 1.0)
            self.later(wait_s, self.ask_difference)
            return
        difference = frame["result"]
        if difference["kind"] == "too_long":  # fetch anew what is shown, and go on from here
            self.pts = difference["pts"]
            print(json.dumps({"anew": self.pts}), flush=True)
        for numbered in difference["updates"]:
            self.updated(numbered["pts"], numbered["update"])
        if difference["kind"] == "slice":
            self.ask_difference()

    def acknowledge(self) -> None:
        """One acknowledgement for all that comes in a moment."""
        if not self.acking:
            self.acking = True
            self.later(ACK_S, self.acknowledge_now)

    def acknowledge_now(self) -> None:
        self.acking = False
        self.say({"ack": self.pts})

    # --- sending: repeated until it is answered, stored once ----------------------------------

    def send(self, chat_id: str, text: str) -> None:
        random_id = random.randrange(1, 2**53)
        self.unsent[random_id] = {"chat_id": chat_id, "text": text, "random_id": random_id}
        if self.ready:
            self.send_again(random_id)

    def send_again(self, random_id: int) -> None:
        params = self.unsent[random_id]
        self.ask("messages.send", params, lambda frame: self.sent(random_id, frame))

    def sent(self, random_id: int, frame: dict[str, Any]) -> None:
        if "error" in frame and frame["error"]["code"] in REPEATED:
            wait_s = frame["error"].get("retry_after", 1.0)
            self.later(wait_s, self.send_again, random_id)
            return
        message = self.unsent.pop(random_id)
        if "error" in frame:
            print(json.dumps({"refused": frame["error"]["detail"]}), flush=True)
        elif "pts" in frame["result"]:  # this connection is not pushed its own message
            known = frame["result"] | message
            self.updated(known.pop("pts"), {"type": "message_new", "message": known})
        else:  # it was there already
            self.ask_difference()


async def main(url: str, token: str) -> None:
    def show(pts: int, update: Any) -> None:
        print(json.dumps({"pts": pts, "update": update}), flush=True)

    client = Client(url, token, show)
    lines = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)

    async def read() -> None:
        async for line in lines:
            chat_id, _, text = line.decode().strip().partition(" ")
            client.send(chat_id, text)

    reading = asyncio.create_task(read())
    print(json.dumps({"ended": await client.run()}), flush=True)
    reading.cancel()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:3]))
