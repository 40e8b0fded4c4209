"""How a front asks actors: it holds the links to all hosts, and its live connections, which hosts
push to."""

from __future__ import annotations

import asyncio
import itertools
import logging
from collections.abc import Callable

import msgspec

from actors import addresses, flood
from actors.session.messages import Checked, CheckToken, TokenUsed
from actors.throttle.messages import Verdict
from actors.tickets import Seal
from actors.user.messages import Spend
from api import limits
from api import methods as m
from api import types as t
from api.addresses import Address, Network, is_among, network_of
from api.ambient import monotonic_s, random_below, random_bytes, random_hex
from api.errors import ApiError
from api.frames import encode as to_json
from fronts.tokens import parse_token
from runtime import wire
from runtime.link import Desk, HostCalls, HostLink
from runtime.messages import Internal
from runtime.placement import DEDICATED_BASE, Placement
from runtime.refs import EXEMPT, NOBODY, ActorRef, Caller
from runtime.wire import CLOSE, MOVED, PUSH, Out

log = logging.getLogger(__name__)

EXPIRY_STEP_S = 0.5

OnPush = Callable[[bytes], None]
OnClose = Callable[[int], None]
OnRenewed = Callable[[HostLink], None]


class Connections:
    """The live connections of this front, by number. A connection is told what hosts push to it,
    that it shall close, and that its host forgot it (so that it attaches again)."""

    def __init__(self) -> None:
        self._numbers = itertools.count(random_below(1 << 40) << 12)
        self.by_number: dict[int, tuple[OnPush, OnClose, OnRenewed]] = {}

    def add(self, on_push: OnPush, on_close: OnClose, on_renewed: OnRenewed) -> int:
        number = next(self._numbers)
        self.by_number[number] = (on_push, on_close, on_renewed)
        return number

    def remove(self, number: int) -> None:
        self.by_number.pop(number, None)

    def act(self, out: Out) -> None:
        handlers = self.by_number.get(out.number)
        if handlers is None:
            return
        if out.op == PUSH:
            handlers[0](out.payload)
        elif out.op == CLOSE:
            handlers[1](int(out.payload))


class Asker:
    """See the module. `reach(name)` gives the calls of the host of that name. `seal`: that of the
    cluster, for tickets and links of files. `exempt`: whoever comes from there is under no flood
    limits."""

    def __init__(
        self,
        placement: Placement,
        reach: Callable[[str], HostCalls],
        config: t.Config,
        seal: Seal | None = None,
        exempt: tuple[Network, ...] = (),
    ) -> None:
        self.placement = placement
        self.config = config
        self._exempt = exempt
        self.seal = seal or Seal(random_bytes(32))
        self.front = f"{random_hex(8)}"
        self.connections = Connections()
        self.desk = Desk()
        self._reach = reach
        self._links: dict[str, HostLink] = {}
        self._sweeper: asyncio.Task[None] | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Open the links to all pooled hosts; those of dedicated actors open when needed."""
        for name in self.placement.pooled_hosts():
            self._link_to(name)
        self._sweeper = asyncio.create_task(self._sweep())

    async def close(self) -> None:
        if self._sweeper is not None:
            self._sweeper.cancel()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*(link.close() for link in self._links.values()))

    async def ready(self) -> None:
        """Wait until every pooled host answers."""
        for name in self.placement.pooled_hosts():
            await self._links[name].connected.wait()

    async def ping_hosts(self) -> list[bool]:
        """Per pooled host, whether it answers at present."""
        return [self._links[name].connected.is_set() for name in self.placement.pooled_hosts()]

    @property
    def queued(self) -> int:
        """Requests that wait to be sent to hosts."""
        return sum(link.queued for link in self._links.values())

    def link(self, ref: ActorRef) -> HostLink:
        """The link to the host of an actor."""
        return self._link_to(self.placement.home(ref))

    def _link_to(self, name: str) -> HostLink:
        link = self._links.get(name)
        if link is None:
            link = self._links[name] = HostLink(
                name,
                self.front,
                self._reach(name),
                self.desk,
                self._act,
                self._renewed,
            )
        return link

    def _act(self, out: Out) -> None:
        if out.op == MOVED:
            self._moved(out.number, wire.decode_moved(out.payload))
        else:
            self.connections.act(out)

    def _moved(self, number: int, moved: wire.Moved) -> None:
        """An actor is found elsewhere: what it was asked goes there, in order, before anything that
        it will be asked from now on."""
        old = self.link(moved.ref)
        news = self.placement.learn(moved.ref, moved.partition)
        new = self.link(moved.ref)
        if news:
            new.take_over(old.hand_over(moved.ref))
        waiting = self.desk.waiting.get(number)
        if waiting is None:
            return
        if waiting.request.target == moved.ref:
            new.take_over([waiting.request])
        elif not new.connected.is_set():
            # Its answer comes from a host that does not know this front: ask again when it does.
            task = asyncio.create_task(self._repeat_when(new, number, waiting.request.target))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _repeat_when(self, connected: HostLink, number: int, target: ActorRef) -> None:
        await connected.connected.wait()
        self.link(target).repeat(number)

    def _renewed(self, link: HostLink) -> None:
        """A stream was opened anew: whoever is attached there attaches again."""
        for _, _, on_renewed in list(self.connections.by_number.values()):
            try:
                on_renewed(link)
            except Exception:  # of one connection: the others attach all the same
                log.exception("a connection is not attached again")

    async def _sweep(self) -> None:
        while True:
            await asyncio.sleep(EXPIRY_STEP_S)
            self.desk.expire(monotonic_s())

    # --- requests -----------------------------------------------------------------------------

    async def ask(
        self,
        ref: ActorRef,
        message: Internal | m.Params,
        caller: Caller = NOBODY,
        *,
        read: bool = False,
        deadline_s: float = limits.REQUEST_DEADLINE_S,
    ) -> bytes:
        """Send a message to an actor; returns the JSON of its answer. Raises `ApiError`."""
        if isinstance(message, m.Params):
            name, body = message.method.name, to_json(message)
        else:
            name, body = "", wire.encode(message)
        return await self._request(ref, name, body, caller, read, deadline_s)

    async def authenticate(self, token: str, network: str = "") -> Caller:
        """Whose token this is; `network`: see `Caller`. Raises `unauthorized`."""
        user_id, session_id, token_hash = parse_token(token)
        ref = addresses.session(user_id, session_id)
        answer = await self.ask(ref, CheckToken(token_hash), read=True)
        if msgspec.json.decode(answer, type=Checked).stale:
            self.link(ref).tell(ref, TokenUsed())
        return Caller(user_id, session_id, network=network)

    def network(self, address: Address | None) -> str:
        """What a caller is counted by, see `Caller`."""
        return EXEMPT if is_among(address, self._exempt) else network_of(address)

    async def spend(self, caller: Caller, kind: str) -> None:
        """Count something that no actor carries out (`actors.flood`). Raises `flood`."""
        if flood.limited(caller, kind):
            charges = ((kind, 1),)
            answer = await self.ask(addresses.user(caller.user_id), Spend(charges), caller)
            verdict = msgspec.json.decode(answer, type=Verdict)
            if verdict.wait_s:
                raise flood.refusal(charges, verdict.wait_s)

    async def expect_answer_from(self, ref: ActorRef) -> None:
        """An answer will come from this actor, although the request goes to another: where it has a
        host of its own, that host must know this front by then. Raises `unavailable`."""
        if self.placement.partition(ref) >= DEDICATED_BASE:
            try:
                async with asyncio.timeout(limits.REQUEST_DEADLINE_S):
                    await self.link(ref).connected.wait()
            except TimeoutError:
                raise ApiError("unavailable", "an actor's own host does not start", 1.0) from None

    async def _request(
        self,
        ref: ActorRef,
        method: str,
        body: bytes,
        caller: Caller,
        read: bool,
        deadline_s: float,
    ) -> bytes:
        """Send the JSON of a method's parameters, or (`method` is empty) the msgpack of a message;
        see `ask`."""
        future: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

        def answer(result: bytes | None, error: ApiError | None) -> None:
            if not future.done():
                if error is not None:
                    future.set_exception(error)
                else:
                    assert result is not None
                    future.set_result(result)

        self.link(ref).request(ref, method, body, caller, answer, read=read, deadline_s=deadline_s)
        return await future
