"""The authentication service: registration, login, change of password.

Passwords are hashed with argon2id, tens of milliseconds of CPU each, in a bounded pool of threads
(argon2 works without the interpreter lock) that have less priority than the messages. A full pool
answers `overloaded`, and what was not checked for it is no wrong password. A wrong user name and a
wrong password take the same way: the same steps, the same hash, the same answer.
"""

from __future__ import annotations

import asyncio
import os
from collections import deque
from collections.abc import AsyncIterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, suppress
from functools import partial
from typing import Any, Literal, TypeVar, get_args

import argon2
import msgspec

from actors import addresses, flood
from actors.handle.messages import Holder, LookUp, NewAccount
from actors.invitation.messages import UseInvitation
from actors.throttle.messages import (
    Admit,
    NetworkSpend,
    NetworkUnspent,
    TrySucceeded,
    TryUnchecked,
    Verdict,
)
from actors.user.messages import (
    Credentials,
    GetCredentials,
    GetProfile,
    NewLogin,
    NewPassword,
    Rehashed,
)
from api import limits, names
from api import methods as m
from api import types as t
from api.ambient import random_below, random_hex
from api.errors import ApiError
from fronts.common_passwords import check_uncommon
from fronts.gateway import Gateway
from fronts.passwords import check_new, prepared, spellings
from fronts.tokens import new_token
from runtime.messages import Internal
from runtime.refs import EXEMPT, MAX_ID, ActorRef, Caller

R = TypeVar("R")

HASHER = argon2.PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)
"""OWASP's first recommendation for argon2id: 19 MiB, 2 iterations, 1 lane (Password Storage Cheat
Sheet)."""

NICENESS = 10
"""How much less priority hashing has than everything else."""

Place = Literal["known", "stranger", "newcomer"]
"""Where somebody waits for a thread: who has logged in from this address before, or is logged in;
who wants to log in otherwise; who registers."""

USER_ID_MAX = 2**48
"""Ids are drawn at random from this range; a chance collision is refused and drawn again."""


class Passwords:
    """Hashes and checks passwords, a few at a time. Who waits, waits in one of three places, each
    of which has room of its own and its turn after the others: however many come to one of them,
    the others are served."""

    def __init__(self, workers: int = 2, queued_max: int = limits.PASSWORD_HASHES_QUEUED_MAX):
        # On Linux each thread has a niceness of its own.
        self._pool = ThreadPoolExecutor(workers, "argon2", partial(os.nice, NICENESS))
        self._idle = workers
        self._queued_max = queued_max
        self._queues: dict[Place, deque[asyncio.Future[None]]] = {
            place: deque() for place in get_args(Place)
        }
        self.hashed = 0
        self._nobody = HASHER.hash(random_hex(16))

    @property
    def waiting(self) -> int:
        """How many wait for a thread."""
        return sum(map(len, self._queues.values()))

    async def hash(self, password: str, place: Place = "newcomer") -> str:
        """The hash to keep. Raises `overloaded`."""
        result: str = await self._run(place, HASHER.hash, prepared(password))
        return result

    async def verify(
        self, password_hash: str | None, password: str, place: Place = "stranger"
    ) -> int:
        """Which spelling of the password is right, from 1; 0: none. For None (nobody) the same
        work, and 0. Raises `overloaded`: then nothing was checked."""
        known = password_hash or self._nobody
        right: int = await self._run(place, _verify, known, *spellings(password))
        return 0 if password_hash is None else right

    async def _run(self, place: Place, work: Any, *args: str) -> Any:
        await self._turn_of(place)
        try:
            return await asyncio.get_running_loop().run_in_executor(self._pool, work, *args)
        finally:
            self.hashed += 1
            self._next()

    async def _turn_of(self, place: Place) -> None:
        """Comes back when there is a thread for whoever waits in this place."""
        if self._idle:
            self._idle -= 1
            return
        queue = self._queues[place]
        if len(queue) >= self._queued_max:
            raise ApiError("overloaded", "many people are logging in; try again soon", 1.0)
        turn = asyncio.get_running_loop().create_future()
        queue.append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if not turn.cancelled():
                self._next()  # it was given a thread, which it does not need
            elif turn in queue:
                queue.remove(turn)
            raise

    def _next(self) -> None:
        """A thread is free: it goes to the next place where somebody waits."""
        for place, queue in list(self._queues.items()):
            while queue:
                turn = queue.popleft()
                if not turn.done():
                    turn.set_result(None)
                    self._queues[place] = self._queues.pop(place)  # the last to be looked at
                    return
        self._idle += 1


def _verify(password_hash: str, *spelled: str) -> int:
    for number, spelling in enumerate(spelled, 1):
        with suppress(argon2.exceptions.VerifyMismatchError):
            HASHER.verify(password_hash, spelling)
            return number
    return 0


class Attempt:
    """A try at a password. `known`: its owner has logged in from this address before. `right`:
    None until it was checked. `unprepared`: its hash is of the spelling that was typed."""

    def __init__(self, passwords: Passwords, known: bool) -> None:
        self._passwords = passwords
        self.known = known
        self.right: bool | None = None
        self.unprepared = False

    async def check(self, owner: Credentials | None, password: str, place: Place) -> None:
        """Raises `wrong_credentials`, also where nobody is meant; `overloaded`."""
        known_hash = owner.password_hash if owner else None
        spelled = await self._passwords.verify(known_hash, password, place)
        self.right, self.unprepared = spelled > 0, spelled > 1
        if not self.right:
            raise ApiError("wrong_credentials")


class AuthService:
    """See the module. `registration`: who may register; `common_passwords`: whether new passwords
    may be among the most common ones."""

    def __init__(
        self,
        gateway: Gateway,
        registration: Literal["open", "invitation", "closed"],
        passwords: Passwords | None = None,
        common_passwords: bool = True,
    ) -> None:
        self._gateway = gateway
        self._registration = registration
        self._common_passwords = common_passwords
        self.passwords = passwords or Passwords()

    async def call(self, params: m.Params, caller: Caller, address: str) -> Any:
        """Carry out a method of this service. Raises `ApiError`."""
        if isinstance(params, m.Register):
            return await self.register(params, caller)
        if isinstance(params, m.Login):
            return await self.login(params, address)
        assert isinstance(params, m.ChangePassword)
        return await self.change_password(params, caller, address)

    async def register(self, params: m.Register, caller: Caller) -> t.Authorization:
        """Create an account and its first session, if that is not done too often from the caller's
        network."""
        names.check_free(params.username)
        self._check_new(params.password, "/password")
        if self._registration == "closed":
            raise ApiError("registration_closed")
        invitation = params.invitation if self._registration == "invitation" else ""
        if self._registration == "invitation" and not invitation:
            raise ApiError("invitation_invalid", "this server needs an invitation to register")
        handle = addresses.username(params.username)
        await self._spend(caller, "names")  # whether it is taken can be learnt here as well
        holder = await self._ask(Holder, handle, LookUp(), read=True)
        if holder.user_id:
            raise ApiError("username_taken")
        counted = await self._spend(caller, "registrations")
        try:
            password_hash = await self.passwords.hash(params.password, "newcomer")
        except ApiError:
            if counted:  # what the server refused for its own sake costs nobody anything
                again = NetworkUnspent((("registrations", 1),))
                await self._gateway.ask(addresses.network(caller.network), again)
            raise
        user_id = 1 + random_below(USER_ID_MAX)
        session_id = 1 + random_below(MAX_ID)
        token, token_hash = new_token(user_id, session_id)
        account = NewAccount(
            user_id,
            session_id,
            params.username,
            params.name,
            password_hash,
            token_hash,
            params.device,
            invitation,
        )
        await self._gateway.expect_answer_from(addresses.session(user_id, session_id))
        first: ActorRef = handle
        message: Internal = account
        if invitation:
            first, message = ActorRef("invitation", invitation), UseInvitation(account)
        made = await self._ask(t.Authorization, first, message)
        return t.Authorization(made.session_id, made.user, token)

    def _check_new(self, password: str, field: str) -> None:
        """`field`: where it stands. Raises `invalid_params`, `password_common`."""
        check_new(password, field)
        if not self._common_passwords:
            check_uncommon(password, field)

    async def _spend(self, caller: Caller, kind: str) -> bool:
        """Take it out of what the caller's network may do; whether that is limited. Raises
        `flood`."""
        if not caller.network or caller.network == EXEMPT or not limits.FLOODS[kind].per_hour:
            return False
        charges = ((kind, 1),)
        ask = NetworkSpend(charges)
        verdict = await self._ask(Verdict, addresses.network(caller.network), ask)
        if verdict.wait_s:
            raise flood.refusal(charges, verdict.wait_s)
        return True

    async def login(self, params: m.Login, address: str) -> t.Authorization:
        """Create a session for whoever knows the password."""
        async with self._try(params.username, address) as attempt:
            holder = await self._ask(
                Holder, addresses.username(params.username), LookUp(), read=True
            )
            known: Credentials | None = None
            # Somebody who does not exist is asked for all the same: both cases take the same steps.
            user = addresses.user(holder.user_id or 1 + random_below(USER_ID_MAX))
            try:
                known = await self._ask(Credentials, user, GetCredentials(), read=True)
            except ApiError as error:
                if error.code != "user_not_found":
                    raise
            if not holder.user_id:
                known = None
            await attempt.check(known, params.password, "known" if attempt.known else "stranger")
        assert known is not None
        session_id = 1 + random_below(MAX_ID)
        token, token_hash = new_token(known.user_id, session_id)
        await self._gateway.expect_answer_from(addresses.session(known.user_id, session_id))
        message = NewLogin(session_id, token_hash, params.device, known.password_hash)
        made = await self._ask(t.Authorization, addresses.user(known.user_id), message)
        if attempt.unprepared:
            with suppress(ApiError):  # or the next time
                new_hash = await self.passwords.hash(params.password, "known")
                await self._ask(t.Ok, user, Rehashed(known.password_hash, new_hash))
        return t.Authorization(made.session_id, made.user, token)

    async def change_password(self, params: m.ChangePassword, caller: Caller, address: str) -> t.Ok:
        """Set a new password; the caller's other sessions end."""
        self._check_new(params.new_password, "/new_password")
        user = addresses.user(caller.user_id)
        shown = await self._ask(t.User, user, GetProfile(), read=True)
        async with self._try(shown.username, address) as attempt:
            credentials = await self._ask(Credentials, user, GetCredentials(), read=True)
            await attempt.check(credentials, params.old_password, "known")
        new_hash = await self.passwords.hash(params.new_password, "known")
        message = NewPassword(credentials.password_hash, new_hash)
        answer = await self._gateway.ask(user, message, caller)
        return msgspec.json.decode(answer, type=t.Ok)

    @asynccontextmanager
    async def _try(self, username: str, address: str) -> AsyncIterator[Attempt]:
        """A try at a password, counted by the account's and the address's throttle from the
        beginning, so that many at once gain nothing; what was refused before the password was
        checked is taken back. Raises `flood`."""
        throttles = (
            ActorRef("throttle", f"account:{username.lower()}"),
            ActorRef("throttle", f"address:{address}"),
        )
        verdicts = await asyncio.gather(
            *(self._ask(Verdict, ref, Admit(address)) for ref in throttles),
            return_exceptions=True,
        )
        found = [verdict for verdict in verdicts if isinstance(verdict, Verdict)]
        counted = {
            ref: verdict.place
            for ref, verdict in zip(throttles, verdicts, strict=True)
            if isinstance(verdict, Verdict) and not verdict.wait_s
        }
        attempt = Attempt(self.passwords, known=any(verdict.known for verdict in found))
        try:
            for verdict in verdicts:
                if isinstance(verdict, BaseException):
                    raise verdict
            if wait_s := max(verdict.wait_s for verdict in found):
                raise ApiError(
                    "flood", "too many wrong passwords; wait before the next try", wait_s
                )
            yield attempt
        except ApiError:
            if attempt.right is not False:
                await self._tell({ref: TryUnchecked(place) for ref, place in counted.items()})
            raise
        await self._tell({ref: TrySucceeded(address, place) for ref, place in counted.items()})

    async def _tell(self, messages: Mapping[ActorRef, Internal]) -> None:
        await asyncio.gather(*(self._gateway.ask(ref, what) for ref, what in messages.items()))

    async def _ask(
        self, kind: type[R], ref: ActorRef, message: Internal, *, read: bool = False
    ) -> R:
        return msgspec.json.decode(await self._gateway.ask(ref, message, read=read), type=kind)
