"""The authentication service: registration, login, change of password.

Passwords are hashed with argon2id, tens of milliseconds of CPU each, in a bounded pool of threads
(argon2 works without the interpreter lock), in a process of its own that has less priority than
the messages. A full pool answers `overloaded`. A wrong user name and a wrong password take the
same way: the same steps, the same hash, the same answer.
"""

from __future__ import annotations

import asyncio
import secrets
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Literal, TypeVar

import argon2
import msgspec

from actors import messages as i
from actors.edge.gateway import Gateway
from actors.runtime import refs
from actors.runtime.refs import MAX_ID, ActorRef, Caller
from actors.tokens import new_token
from api import limits
from api import methods as m
from api import types as t
from api.errors import ApiError

R = TypeVar("R")

HASHER = argon2.PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)
"""OWASP's first recommendation for argon2id: 19 MiB, 2 iterations, 1 lane (Password Storage Cheat
Sheet)."""

USER_ID_MAX = 2**48
"""Ids are drawn at random from this range; a chance collision is refused and drawn again."""


class Passwords:
    """Hashes and checks passwords in a bounded pool."""

    def __init__(self, workers: int = 2, queued_max: int = limits.PASSWORD_HASHES_QUEUED_MAX):
        self._pool = ThreadPoolExecutor(workers, "argon2")
        self._workers = workers
        self._queued_max = queued_max
        self.waiting = 0
        self.hashed = 0
        self._nobody = HASHER.hash(secrets.token_urlsafe(16))

    async def hash(self, password: str) -> str:
        """The hash to keep. Raises `overloaded`."""
        result: str = await self._run(HASHER.hash, password)
        return result

    async def verify(self, password_hash: str | None, password: str) -> bool:
        """Whether the password is right; for None (nobody) the same work, and no."""
        right: bool = await self._run(_verify, password_hash or self._nobody, password)
        return right and password_hash is not None

    async def _run(self, work: Any, *args: str) -> Any:
        if self.waiting >= self._workers + self._queued_max:
            raise ApiError("overloaded", "many people are logging in; try again soon", 1.0)
        self.waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._pool, work, *args)
        finally:
            self.waiting -= 1
            self.hashed += 1


def _verify(password_hash: str, password: str) -> bool:
    try:
        return HASHER.verify(password_hash, password)
    except argon2.exceptions.VerifyMismatchError:
        return False


class AuthService:
    """See the module. `registration`: who may register."""

    def __init__(
        self,
        gateway: Gateway,
        registration: Literal["open", "invitation", "closed"],
        passwords: Passwords | None = None,
    ) -> None:
        self._gateway = gateway
        self._registration = registration
        self.passwords = passwords or Passwords()

    async def call(self, params: m.Params, caller: Caller, address: str) -> Any:
        """Carry out a method of this service. Raises `ApiError`."""
        if isinstance(params, m.Register):
            return await self.register(params, address)
        if isinstance(params, m.Login):
            return await self.login(params, address)
        assert isinstance(params, m.ChangePassword)
        return await self.change_password(params, caller, address)

    async def register(self, params: m.Register, address: str) -> t.Authorization:
        """Create an account and its first session."""
        if self._registration == "closed":
            raise ApiError("registration_closed")
        invitation = params.invitation if self._registration == "invitation" else ""
        if self._registration == "invitation" and not invitation:
            raise ApiError("invitation_invalid", "this server needs an invitation to register")
        handle = refs.username(params.username)
        holder = await self._ask(i.Holder, handle, i.LookUp(), read=True)
        if holder.user_id:
            raise ApiError("username_taken")
        password_hash = await self.passwords.hash(params.password)
        user_id = 1 + secrets.randbelow(USER_ID_MAX)
        session_id = 1 + secrets.randbelow(MAX_ID)
        token, token_hash = new_token(user_id, session_id)
        account = i.NewAccount(
            user_id,
            session_id,
            params.username,
            params.name,
            password_hash,
            token_hash,
            params.device,
            invitation,
        )
        await self._gateway.expect_answer_from(refs.session(user_id, session_id))
        first: ActorRef = handle
        message: i.Internal = account
        if invitation:
            first, message = ActorRef("invitation", invitation), i.UseInvitation(account)
        made = await self._ask(t.Authorization, first, message)
        return t.Authorization(token, made.session_id, made.user)

    async def login(self, params: m.Login, address: str) -> t.Authorization:
        """Create a session for whoever knows the password."""
        throttles = await self._admit(params.username, address)
        holder = await self._ask(i.Holder, refs.username(params.username), i.LookUp(), read=True)
        known: i.Credentials | None = None
        # Somebody who does not exist is asked for all the same: both cases take the same steps.
        user = refs.user(holder.user_id or 1 + secrets.randbelow(USER_ID_MAX))
        try:
            known = await self._ask(i.Credentials, user, i.GetCredentials(), read=True)
        except ApiError as error:
            if error.code != "user_not_found":
                raise
        if not holder.user_id:
            known = None
        right = await self.passwords.verify(known.password_hash if known else None, params.password)
        if known is None or not right:
            await self._tell(throttles, i.TryFailed(address))
            raise ApiError("wrong_credentials")
        await self._tell(throttles, i.TrySucceeded(address))
        session_id = 1 + secrets.randbelow(MAX_ID)
        token, token_hash = new_token(known.user_id, session_id)
        await self._gateway.expect_answer_from(refs.session(known.user_id, session_id))
        message = i.NewLogin(session_id, token_hash, params.device, known.password_hash)
        made = await self._ask(t.Authorization, refs.user(known.user_id), message)
        return t.Authorization(token, made.session_id, made.user)

    async def change_password(self, params: m.ChangePassword, caller: Caller, address: str) -> t.Ok:
        """Set a new password; the caller's other sessions end."""
        user = refs.user(caller.user_id)
        shown = await self._ask(t.User, user, i.GetProfile(), read=True)
        throttles = await self._admit(shown.username, address)
        known = await self._ask(i.Credentials, user, i.GetCredentials(), read=True)
        if not await self.passwords.verify(known.password_hash, params.old_password):
            await self._tell(throttles, i.TryFailed(address))
            raise ApiError("wrong_credentials")
        await self._tell(throttles, i.TrySucceeded(address))
        new_hash = await self.passwords.hash(params.new_password)
        answer = await self._gateway.ask(user, i.NewPassword(known.password_hash, new_hash), caller)
        return msgspec.json.decode(answer, type=t.Ok)

    async def _admit(self, username: str, address: str) -> tuple[ActorRef, ActorRef]:
        """Ask the account's and the address's throttle. Raises `flood`."""
        throttles = (
            ActorRef("throttle", f"account:{username.lower()}"),
            ActorRef("throttle", f"address:{address}"),
        )
        verdicts = await asyncio.gather(
            *(self._ask(i.Verdict, ref, i.Admit(address)) for ref in throttles)
        )
        wait_s = max(verdict.wait_s for verdict in verdicts)
        if wait_s > 0:
            raise ApiError("flood", "too many wrong passwords; wait before the next try", wait_s)
        return throttles

    async def _tell(self, throttles: tuple[ActorRef, ActorRef], message: i.Internal) -> None:
        await asyncio.gather(*(self._gateway.ask(ref, message) for ref in throttles))

    async def _ask(
        self, kind: type[R], ref: ActorRef, message: i.Internal, *, read: bool = False
    ) -> R:
        return msgspec.json.decode(await self._gateway.ask(ref, message, read=read), type=kind)
