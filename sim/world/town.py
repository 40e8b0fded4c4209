"""The people of a world: their accounts, their devices, and what they know of each other."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Coroutine
from typing import Any

import msgspec

from actors.handle.messages import NewAccount
from actors.user.messages import NewLogin
from api import types as t
from api.errors import ApiError
from fronts.tokens import new_token
from heliograph import Client
from runtime.refs import MAX_ID
from sim.world.cluster import Cluster
from sim.world.device import Device, Ways
from sim.world.history import History
from sim.world.network import NetworkError

REPEAT_S = 0.2
READERS = (0.0, 0.2, 0.8)
"""Which part of the devices but the first only read, in one town or another."""


class Person:
    """A user. `chats` are those that they have heard of, whether they are in them or not."""

    def __init__(self, user_id: int, name: str) -> None:
        self.user_id = user_id
        self.name = name
        self.chats: list[str] = []


class Town:
    """See the module. `over`: nobody begins anything new."""

    def __init__(
        self, cluster: Cluster, ways: Ways, history: History, rng: random.Random, program: Program
    ) -> None:
        self.cluster = cluster
        self.history = history
        self.people: list[Person] = []
        self.devices: list[Device] = []
        self.names = ["queen", "knave", "joker"]
        self.over = False
        self.readers = rng.choice(READERS)
        self._ways = ways
        self._rng = rng
        self._program = program

    async def settle(self, people: int) -> None:
        """Register people, some of them with two devices. Runs in a process of its own."""
        registrar = self.cluster.begin("registrar")
        for number in range(people):
            devices = self._rng.choice((1, 1, 2))
            await registrar.spawn(self._register(f"user{number}", devices))
        self.cluster.kill("registrar")
        for device in self.devices:
            self.cluster.add(device.name, device.begin)

    async def _register(self, name: str, devices: int) -> None:
        user_id, session_id = self._new_id(), self._new_id()
        token, token_hash = new_token(user_id, session_id)
        account = NewAccount(user_id, session_id, name, name.title(), "hash", token_hash, "1")
        await self._until_answered("register", account)
        person = Person(user_id, name)
        self.people.append(person)
        self._add(person, "a", token, session_id)
        for letter in "bcd"[: devices - 1]:
            session_id = self._new_id()
            token, token_hash = new_token(user_id, session_id)
            login = NewLogin(session_id, token_hash, letter, "hash")
            await self._until_answered("log_in", user_id, login)
            self._add(person, letter, token, session_id)

    def _new_id(self) -> int:
        return self._rng.randrange(1, min(2**48, MAX_ID))

    def _add(self, person: Person, letter: str, token: str, session_id: int) -> None:
        name = f"{person.name}{letter}"
        device = Device(name, token, person.user_id, session_id, self.history, self._ways.transport)
        self.devices.append(device)
        device.use = self._program(self, person, device, random.Random(self._rng.getrandbits(64)))

    async def _until_answered(self, method: str, *arguments: Any) -> t.Authorization:
        while True:
            try:
                answer = await self._ways.ask(method, *arguments)
                return msgspec.json.decode(answer, type=t.Authorization)
            except NetworkError:
                await asyncio.sleep(REPEAT_S)
            except ApiError as error:
                if not error.retryable:
                    raise
                await asyncio.sleep(REPEAT_S)


Program = Callable[
    [Town, Person, Device, random.Random], Callable[[Client], Coroutine[Any, Any, None]]
]
"""Makes what somebody does with a device, see `sim.world.program`."""
