"""The client: its life, its calls with their repetition, and the stream of updates."""

from __future__ import annotations

import asyncio
import contextlib
import math
import platform
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, TypeVar

from msgspec.structs import replace

from api import limits
from api import methods as m
from api import types as t
from api.errors import ApiError
from api.urls import server_url
from heliograph._config import Backoff, Bounds, ConnectionState, Timeouts
from heliograph._errors import (
    ClientClosed,
    ConnectionLost,
    DeadlineExceeded,
    SessionEnded,
    StateError,
)
from heliograph._files import Files
from heliograph._http import Http, check, decode_result
from heliograph._inbox import Delivery, Inbox
from heliograph._link import LiveLink
from heliograph._retry import OnWait, Retry
from heliograph._state import MemoryState, Saved, State
from heliograph._sync import Gate, own_message
from heliograph._transport import Transport
from heliograph._way import Way

R = TypeVar("R")

READS_MAX = limits.READS_IN_FLIGHT_PER_CONNECTION_MAX - 1
"""One is left for differences."""


class Client(Files):
    """A connection to a Heliograph server, for one login at a time.

        async with heliograph.Client("https://chat.example.org", state=FileState(path)) as client:
            if not client.logged_in:
                await client.login("alice", "correct horse battery")
            chat = await client.open_private("bob")
            await client.send(chat.id, "hello")
            async for update in client.updates():
                print(update)

    While the client is open and logged in it keeps a live connection (with `live=False` it does
    not, and there are no updates). Calls go over it, or over HTTP while there is none. A call whose
    connection breaks, or that the server refuses for the moment, is repeated until
    `timeouts.call_s` have passed; every method may be repeated without a second effect, except
    those documented otherwise.

    `token` logs in with a token that is known already. `state` keeps the login and the position
    in the updates across restarts. `on_connection` is called with each change of the live
    connection, `on_wait` when a call waits because the server says that something was done too
    often (`flood`): with the refusal, whose `detail` says what, and for how many seconds.
    `transport` is for simulations, which have no sockets.
    """

    def __init__(
        self,
        server: str,
        *,
        token: str | None = None,
        state: State | None = None,
        device: str | None = None,
        live: bool = True,
        timeouts: Timeouts | None = None,
        backoff: Backoff | None = None,
        bounds: Bounds | None = None,
        ssl_context: ssl.SSLContext | None = None,
        on_connection: Callable[[ConnectionState], None] | None = None,
        on_wait: OnWait | None = None,
        transport: Transport | None = None,
    ) -> None:
        try:
            self.server = server_url(server)
        except ValueError as error:
            raise ValueError(f"{server!r} is no address of a server: {error}") from error
        if token is not None and not (isinstance(token, str) and token.isascii()):
            raise ValueError("a token is a text of ASCII characters")
        self.connection: ConnectionState = "offline"
        self.pts = 0
        """The number of the update that `updates` handed out last; 0 if it was none. Whoever
        fetches what they show knows by it whether that reflects an update already
        (`mailbox_state`)."""
        self._given_token = token
        self._state: State = MemoryState() if state is None else state
        self._device = device if device is not None else f"Python on {platform.node()}"[:64]
        self._with_live = live
        self._timeouts = timeouts or Timeouts()
        self._backoff = backoff or Backoff()
        self._bounds = bounds or Bounds()
        self._context = ssl_context
        self._on_connection = on_connection
        self._on_wait = on_wait
        self._transport = transport or Transport()
        self._saved = Saved(server=self.server)
        self._saved_at = -math.inf
        self._save_timer: asyncio.TimerHandle | None = None
        self._gate = Gate(held_max=self._bounds.held_max)
        self._inbox = Inbox(self._bounds.updates_max, self._room, self._taken, self._done)
        self._slots = asyncio.Semaphore(self._bounds.requests_max)
        self._read_slots = asyncio.Semaphore(READS_MAX)
        self._link: LiveLink | None = None
        self._task: asyncio.Task[None] | None = None
        self._settled = asyncio.Event()  # online, or never to be
        self._over: BaseException | None = None
        self._leaving = False
        self._running: set[asyncio.Timeout] = set()
        self._http: Http | None = None
        self._way: Way | None = None
        self._closed = False

    # --- life -----------------------------------------------------------------------------------

    async def __aenter__(self) -> Client:
        """Take up the saved login, if there is one. Raises `StateError`."""
        if self._closed:
            raise ClientClosed("the client was closed; make another one")
        saved = self._state.load()
        if saved is not None and saved.token and saved.server != self.server:
            raise StateError(
                f"the state is that of {saved.server}; use another one for {self.server}"
            )
        self._http = self._transport.http(self.server, self._timeouts, self._context)
        self._way = Way(self._http, self._transport, self._timeouts, self._context)
        if saved is not None and saved.token and self._given_token in (None, saved.token):
            self._begin(saved)
        elif self._given_token:
            self._begin(Saved(server=self.server, token=self._given_token))
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Hang up and save the state. The login stays valid; `logout` ends it."""
        if self._closed:
            return
        self._closed = True
        for running in self._running:
            running.reschedule(0.0)
        self._inbox.end()
        try:
            await self._hang_up()
            if self._saved.token:
                self._save()
        finally:
            self._settled.set()
            if self._http is not None:
                await self._http.close()
            if self._way is not None:
                await self._way.close()

    @property
    def logged_in(self) -> bool:
        """There is a token; whether the server still takes it is seen with the first call."""
        return bool(self._saved.token)

    @property
    def user_id(self) -> int:
        """Who is logged in; 0 if nobody is, or (with a bare token) before the first connection."""
        return self._saved.user_id

    @property
    def session_id(self) -> int:
        """The login's id, as in `sessions`; 0 as with `user_id`."""
        return self._saved.session_id

    async def connected(self) -> None:
        """Wait until the live connection is up and every update up to now is on its way. Raises
        `SessionEnded`, `Displaced`, `ClientClosed`."""
        if not self._with_live:
            raise RuntimeError("a client with live=False has no live connection to wait for")
        await self._settled.wait()
        if self._closed:
            raise ClientClosed("the client was closed before it was connected")
        if self._over is not None:
            raise self._over

    # --- login ----------------------------------------------------------------------------------

    async def register(
        self, username: str, password: str, name: str | None = None, *, invitation: str = ""
    ) -> t.User:
        """Create an account and log in. Refused as `username_taken`, `registration_closed`,
        `invitation_invalid`."""
        params = m.Register(username, password, name or username, self._device, invitation)
        return await self._logged_in(await self.call(params), pts=0)

    async def login(self, username: str, password: str) -> t.User:
        """Log in. Refused as `wrong_credentials`. Raises `ConnectionLost` if the answer was lost:
        log in again, and end the session that is too many."""
        return await self._logged_in(await self.call(m.Login(username, password, self._device)))

    async def logout(self) -> None:
        """End this login; its token is void and the state is forgotten."""
        self._leaving = True
        try:
            await self.call(m.Logout())
        finally:
            self._leaving = False
        await self._forget()
        self._inbox.end()

    async def _logged_in(self, authorization: t.Authorization, pts: int | None = None) -> t.User:
        await self._forget()
        user = authorization.user
        self._begin(
            Saved(
                server=self.server,
                token=authorization.token,
                user_id=user.id,
                session_id=authorization.session_id,
                pts=pts,
            )
        )
        self._save()
        return user

    def _begin(self, saved: Saved) -> None:
        self._saved = saved
        self._over = None
        self._gate = Gate(saved.pts, self._bounds.held_max)
        self._inbox.begin()
        if self._with_live:
            assert self._http is not None
            self._link = LiveLink(
                self._http,
                saved.token,
                self._gate,
                self._inbox,
                self._timeouts,
                self._backoff,
                self._context,
                self._transport.connect,
                self._greeted,
                self._connection_changed,
            )
            self._task = asyncio.create_task(self._link.run())
            self._task.add_done_callback(self._link_over)

    async def _forget(self) -> None:
        """Back to nobody being logged in."""
        await self._hang_up()
        self._inbox.clear()
        self.pts = 0
        had_token = bool(self._saved.token)
        self._saved = Saved(server=self.server)
        if had_token:
            self._save()

    async def _hang_up(self) -> None:
        link, self._link = self._link, None
        task, self._task = self._task, None
        if link is not None:
            link.acks.flush()
            link.acks.stop()
        if task is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        self._connection_changed("offline")

    # --- calls ----------------------------------------------------------------------------------

    async def call(
        self, params: m.Params, *, timeout_s: float | None = None, attempt_s: float | None = None
    ) -> Any:
        """Call any method of the API by its parameters (`api.methods`), and repeat it until it is
        answered or `timeout_s` have passed; without one, `timeouts.call_s`, and up to
        `timeouts.flood_s` more where the server says that something was done too often. An attempt
        is given up after `attempt_s`. What does not fit the method is refused as the server would,
        and not sent. Raises `ApiError`, `DeadlineExceeded`, `ConnectionLost` (see there),
        `ClientClosed`, `ProtocolError`."""
        if not isinstance(params, m.Params):
            raise TypeError(f"a call is one of api.methods, not {params!r}")
        check(params)
        if params.method.wire == "ws":
            raise ValueError(f"{params.method.name} is called by the client itself")
        if self._closed or self._http is None:
            raise ClientClosed("the client is closed; or use it as `async with Client(...)`")
        total_s = self._timeouts.call_s if timeout_s is None else timeout_s
        deadline = asyncio.get_running_loop().time() + total_s
        # At a password somebody waits to be told.
        patient = timeout_s is None and params.method.auth and params.method.repeatable
        retry = self._retry(deadline, self._timeouts.flood_s if patient else 0.0)
        async with self._until_closed(params.method.name):
            return await self._repeat(params, retry, attempt_s or self._timeouts.attempt_s)

    def _retry(self, deadline: float, flood_s: float = 0.0) -> Retry:
        return Retry(self._backoff, deadline, flood_s, self._on_wait)

    @contextlib.asynccontextmanager
    async def _until_closed(self, what: str) -> AsyncIterator[None]:
        """Cut what is done in it off when the client is closed."""
        try:
            async with asyncio.timeout(None) as running:
                self._running.add(running)
                try:
                    yield
                finally:
                    self._running.discard(running)
        except TimeoutError:
            if not self._closed:
                raise
            raise ClientClosed(f"closed before {what} was answered") from None

    async def _repeat(self, params: m.Params, retry: Retry, attempt_s: float) -> Any:
        failed: ApiError | ConnectionLost
        maybe_done = False
        while True:
            try:
                return await self._attempt(params, retry.deadline, attempt_s)
            except ApiError as error:
                if error.code == "unknown_method":
                    words = f"this server is older than the client: it has no {params.method.name}"
                    raise ApiError(error.code, words) from error
                if maybe_done and self._tells_of_success(params, error):
                    return t.Ok()
                if maybe_done and isinstance(params, m.Register) and error.code == "username_taken":
                    return await self._log_in_instead(params, error, retry.deadline, attempt_s)
                # A part of the server that did not answer in time may have done it.
                maybe_done = maybe_done or error.code == "unavailable"
                failed = error
            except ConnectionLost as error:
                maybe_done = maybe_done or error.maybe_done
                failed = error
            if maybe_done and not params.method.repeatable:
                raise failed
            await retry.after(failed, params.method.name)

    def _raw(self) -> tuple[Http, Way, str]:
        if self._closed or self._http is None or self._way is None:
            raise ClientClosed("the client is closed; or use it as `async with Client(...)`")
        return self._http, self._way, self._saved.token

    async def _insist(self, what: str, attempt: Callable[[], Awaitable[R]]) -> R:
        deadline = asyncio.get_running_loop().time() + self._timeouts.call_s
        retry = self._retry(deadline, self._timeouts.flood_s)
        async with self._until_closed(what):
            while True:
                try:
                    return await attempt()
                except (ApiError, ConnectionLost) as error:
                    await retry.after(error, what)

    def _tells_of_success(self, params: m.Params, error: ApiError) -> bool:
        """Whether a repetition was refused because an attempt before it was carried out. Oneself
        cannot be removed, and that is refused with the same code."""
        if isinstance(params, m.RemoveMember) and params.user_id == self.user_id:
            return False
        return params.method.done_before == error.code

    async def _log_in_instead(
        self, params: m.Register, error: ApiError, deadline: float, attempt_s: float
    ) -> Any:
        """A registration that was repeated found the name taken: maybe by its first attempt."""
        login = m.Login(params.username, params.password, params.device)
        try:
            return await self._repeat(login, self._retry(deadline), attempt_s)
        except ApiError:
            raise error from None

    async def _attempt(self, params: m.Params, deadline: float, attempt_s: float) -> Any:
        assert self._http is not None
        async with contextlib.AsyncExitStack() as taken:
            try:
                async with asyncio.timeout_at(deadline):
                    if params.method.read:
                        await taken.enter_async_context(self._read_slots)
                    await taken.enter_async_context(self._slots)
            except TimeoutError as error:
                name = params.method.name
                raise DeadlineExceeded(f"{name} waited in vain for earlier calls to end") from error
            left_s = deadline - asyncio.get_running_loop().time()
            timeout_s = min(max(left_s, 0.001), attempt_s)
            link = self._link
            live = None if link is None else link.live
            if live is None or params.method.wire == "http":
                result = await self._http.call(params, self._saved.token, timeout_s)
                return self._answered(link, params, result)
            return await live.request(
                params,
                lambda body: self._answered(link, params, decode_result(params.method, body)),
                timeout_s,
            )

    def _answered(self, link: LiveLink | None, params: m.Params, result: Any) -> Any:
        """Make the update that an own send is; see `messages.send`. With a file it is fetched: only
        the server knows what it is."""
        if isinstance(result, t.Sent) and isinstance(params, m.SendMessage):
            if link is None or link is not self._link:
                return result
            if result.pts and not params.media:
                update = own_message(
                    result, self.user_id, params.text, params.reply_to, params.random_id
                )
                link.push(result.pts, update)
            else:
                link.doubt(result.pts)
        return result

    # --- updates --------------------------------------------------------------------------------

    async def updates(self) -> AsyncIterator[Delivery]:
        """Everything that happens to this account: durable updates, each once and in order, across
        reconnects and (with a `FileState`) restarts; `Typing` and `Presence`, which are only told
        while connected; and `Resync`. One reader at a time; breaking off and coming back loses
        nothing.

        An update counts as delivered when it has been handed out, and as handled, for a restart,
        when the next one is asked for. The iteration ends when the client is closed or logs out.
        Raises `SessionEnded`, `Displaced`.
        """
        while True:
            try:
                item = await self._inbox.take()
            except StopAsyncIteration:
                return
            yield item

    def _room(self) -> None:
        if self._link is not None:
            self._link.room()

    def _taken(self, pts: int) -> None:
        self.pts = pts
        if self._link is not None:
            self._link.acks.handed(pts)

    def _done(self, pts: int) -> None:
        if not self._saved.token:
            return
        self._remember(pts=pts)
        loop = asyncio.get_running_loop()
        wait_s = self._saved_at + self._timeouts.save_s - loop.time()
        if wait_s <= 0:
            self._save()
        elif self._save_timer is None:
            self._save_timer = loop.call_later(wait_s, self._save_late)

    def _save(self) -> None:
        if self._save_timer is not None:
            self._save_timer.cancel()
            self._save_timer = None
        self._state.save(self._saved)
        self._saved_at = asyncio.get_running_loop().time()

    def _save_late(self) -> None:
        """What fails here is tried again, and told, with the next update or `close`."""
        self._save_timer = None
        with contextlib.suppress(StateError):
            self._save()

    # --- what the link tells --------------------------------------------------------------------

    def _remember(
        self, *, user_id: int | None = None, session_id: int | None = None, pts: int | None = None
    ) -> None:
        told = {"user_id": user_id, "session_id": session_id, "pts": pts}
        known = {name: value for name, value in told.items() if value is not None}
        self._saved = replace(self._saved, **known)

    def _greeted(self, hello: t.Hello) -> None:
        first = self._saved.pts is None
        self._remember(user_id=hello.user_id, session_id=hello.session_id)
        if first:
            self._remember(pts=hello.pts)
            self._save()

    def _connection_changed(self, state: ConnectionState) -> None:
        if state in ("online", "ended"):
            self._settled.set()
        else:
            self._settled.clear()
        if state != self.connection:
            self.connection = state
            if self._on_connection is not None:
                self._on_connection(state)

    def _link_over(self, task: asyncio.Task[None]) -> None:
        if task.cancelled():
            return
        error = task.exception()
        if task is self._task:
            self._link = None
            self._over = error
            self._inbox.end(None if self._leaving else error)
            self._connection_changed("ended")
            if isinstance(error, SessionEnded):
                self._saved = Saved(server=self.server)
                self._save()
