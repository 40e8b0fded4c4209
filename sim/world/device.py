"""Devices: the real client library, over the simulated network.

A device belongs to a user. Its process may die: what the client had saved is there when it is
started again, and its updates go on from there.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, NamedTuple

from picows import WSMsgType

from api.frames import encode
from api.methods import Params
from heliograph import Backoff, Client, MemoryState, Presence, Resync, Timeouts, Typing
from heliograph._errors import ConnectionLost, SessionEnded
from heliograph._http import decode_result
from heliograph._state import Saved
from heliograph._transport import Transport
from sim.world.edge import Closing
from sim.world.history import History
from sim.world.network import Network, NetworkError
from sim.world.pipe import Pipe, connect
from sim.world.process import Process, current_process

SERVER = "http://world"
TIMEOUTS = Timeouts(call_s=20.0, attempt_s=5.0, connect_s=2.0, save_s=0.2)
BACKOFF = Backoff(0.05, 1.0)


class _Frame(NamedTuple):
    """A frame as picows hands it over."""

    msg_type: WSMsgType
    payload: bytes
    fin: bool = True

    def get_payload_as_bytes(self) -> bytes:
        return self.payload


class _Transport:
    """The client's side of a pipe, as picows shows it."""

    def __init__(self, pipe: Pipe) -> None:
        self._pipe = pipe

    def send(self, kind: WSMsgType, payload: bytes) -> None:
        self._pipe.send(self._pipe.server, payload)

    def disconnect(self, graceful: bool = True) -> None:
        self._pipe.break_()


class Ways:
    """How clients reach a server: at whichever of its edges."""

    def __init__(self, network: Network, edges: list[str]) -> None:
        self._network = network
        self._edges = edges

    def edge(self) -> str:
        """The edge that the next connection comes to: only those that live listen."""
        live = [name for name in self._edges if self._network.find(name) is not None]
        return self._network.rng.choice(live or self._edges)

    async def ask(self, method: str, *arguments: Any) -> Any:
        """Call an edge from the process that runs. Raises `NetworkError` and `ApiError`."""
        return await self._network.call(current_process(), self.edge(), method, *arguments)

    @property
    def transport(self) -> Transport:
        """What clients have in the place of sockets."""
        return Transport(self._http, self._ws_connect)

    async def _ws_connect(self, factory: Callable[[], Any], url: str, **_: Any) -> Any:
        """In the place of `picows.ws_connect`."""
        pipe = await connect(self._network, current_process(), self.edge())
        listener, transport = factory(), _Transport(pipe)

        def on_frame(frame: bytes | Closing) -> None:
            if isinstance(frame, Closing):
                code = frame.code.to_bytes(2, "big")
                listener.on_ws_frame(transport, _Frame(WSMsgType.CLOSE, code))
            else:
                listener.on_ws_frame(transport, _Frame(WSMsgType.TEXT, frame))

        pipe.client.on_frame = on_frame
        pipe.client.on_broken = lambda: listener.on_ws_disconnected(transport)
        listener.on_ws_connected(transport)
        return transport, listener

    def _http(self, server: str, timeouts: Timeouts, context: Any) -> Any:
        """In the place of `heliograph._http.Http`."""
        return _Http(self, server)


class _Http:
    """Requests from the process that runs, each to whichever edge."""

    def __init__(self, ways: Ways, server: str) -> None:
        self.server = server
        self._ways = ways

    async def close(self) -> None: ...

    async def call(self, params: Params, token: str, timeout_s: float) -> Any:
        method = params.method
        try:
            async with asyncio.timeout(timeout_s):
                body = await self._ways.ask("http", method.name, encode(params), token)
        except TimeoutError as error:
            raise ConnectionLost(f"no answer to {method.name} in time") from error
        except NetworkError as error:
            raise ConnectionLost(str(error), maybe_done=error.maybe_done) from error
        return decode_result(method, body)


class Device:
    """See the module. `seen` records what it is told; `use` is what its user does with it."""

    def __init__(
        self,
        name: str,
        token: str,
        user_id: int,
        session_id: int,
        history: History,
        transport: Transport,
    ) -> None:
        self.name = name
        self._transport = transport
        self.user_id = user_id
        self.state = MemoryState(
            Saved(server=SERVER, token=token, user_id=user_id, session_id=session_id, pts=0)
        )
        self.seen = history.device(name, user_id)
        self.use: Callable[[Client], Coroutine[Any, Any, None]] = _nothing
        self.client: Client | None = None
        self.process: Process | None = None
        self._using: asyncio.Task[None] | None = None

    def begin(self, process: Process) -> Device:
        """It is the service of a process of its own: see `sim.world.cluster.Maker`."""
        self.process = process
        self.client = self._using = None
        return self

    async def start(self) -> None:
        assert self.process is not None
        self.process.spawn(self._run())

    @property
    def busy(self) -> bool:
        """Its user is not done with what they do."""
        return self._using is None or not self._using.done()

    async def _run(self) -> None:
        saved = self.state.load()
        assert saved is not None
        life = self.seen.begin(saved.pts or 0)
        async with Client(
            SERVER,
            state=self.state,
            device=self.name,
            timeouts=TIMEOUTS,
            backoff=BACKOFF,
            transport=self._transport,
        ) as client:
            self.client = client
            self._using = asyncio.create_task(self.use(client))
            try:
                async for update in client.updates():
                    if isinstance(update, Resync):
                        self.seen.resyncs += 1
                    elif not isinstance(update, (Typing, Presence)):
                        life.updates.append(update)
            except SessionEnded as error:
                self.seen.logged_out = str(error)


async def _nothing(client: Client) -> None:
    """Use a device to look at updates only."""
