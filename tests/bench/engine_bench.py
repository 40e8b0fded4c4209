"""What a message costs a host, without Ray, sockets or other processes: the engine, the log and
LMDB alone; of a private chat, or with `--group 200` of one group of so many who are all online; of
many at once, or with `--at-rest` of each alone.
`python -m tests.bench.engine_bench [--group N] [--at-rest] [--profile]`."""

from __future__ import annotations

import argparse
import asyncio
import cProfile
import json
import pstats
import random
import tempfile
import time
from pathlib import Path

from actors import addresses
from actors.chat.messages import OpenChat
from actors.handle.messages import NewAccount
from actors.kinds import KINDS
from actors.session.messages import Attach
from api import limits
from api import methods as m
from api.frames import encode as to_json
from runtime import refs, wire
from runtime.engine import Engine
from runtime.messages import Internal
from runtime.placement import Placement
from runtime.refs import EXEMPT, NOBODY, Caller
from runtime.wire import Request
from storage.engine import LmdbStore

PAIRS, BATCH, FRONT = 200, 160, "front"
TEXT = "0123456789" * 11


class Bench:
    """One host with `PAIRS` pairs of users whose devices are online."""

    def __init__(self, folder: Path, group: int = 0) -> None:
        placement = Placement(64, 1)
        led = placement.led_by("host-0")
        self.store = LmdbStore(folder, led)
        self.engine = Engine(
            kinds=KINDS,
            placement=placement,
            led=led,
            store=self.store,
            clock=lambda: time.time_ns() // 1_000_000,
            rng=random.Random(1),
        )
        self.numbers = iter(range(1, 10**9))
        self.pairs: list[tuple[Caller, str]] = []
        for pair in range(PAIRS):
            a, b = 2 * pair + 1, 2 * pair + 2
            for user in (a, b):
                account = NewAccount(user, user, f"user{user}", "User", "hash", b"t", "bench")
                self.post(addresses.username(f"user{user}"), account)
                self.post(addresses.session(user, user), Attach(FRONT, user, b"t"))
            chat = addresses.private_chat_id(a, b)
            self.post(addresses.chat(chat), OpenChat(a, b))
            self.pairs.append((Caller(a, a, a, EXEMPT), chat))
        self.commit()
        self.batch = BATCH
        if group:
            self.pairs = [self.gather(group)]
            self.batch = max(1, 2 * BATCH // group)

    def gather(self, members: int) -> tuple[Caller, str]:
        """A group of the first users; who writes to it."""
        owner, others = Caller(1, 1, 1, EXEMPT), list(range(2, members + 1))
        chat = addresses.group_id(1, 1)
        most = limits.GROUP_INVITES_PER_CREATE_MAX
        self.call(owner, chat, m.CreateGroup("Group", 1, others[:most]))
        for user in others[most:]:
            self.call(owner, chat, m.AddMember(chat, user))
        self.commit()
        return owner, chat

    def call(self, caller: Caller, chat: str, params: m.Params) -> None:
        number, name = next(self.numbers), params.method.name
        request = Request(number, addresses.chat(chat), caller, name, to_json(params))
        self.engine.command(FRONT, request)

    def post(self, ref: refs.ActorRef, message: Internal) -> None:
        request = Request(next(self.numbers), ref, NOBODY, "", wire.encode(message))
        self.engine.command(FRONT, request)

    def sends(self, count: int) -> bytes:
        """A batch as an edge sends it."""
        requests = []
        for _ in range(count):
            number = next(self.numbers)
            caller, chat = self.pairs[number % len(self.pairs)]
            body = b'{"chat_id":"%b","text":"%b","random_id":%d}' % (
                chat.encode(),
                TEXT.encode(),
                number,
            )
            requests.append(Request(number, addresses.chat(chat), caller, "messages.send", body))
        return wire.encode(requests)

    def commit(self) -> None:
        layer = self.engine.cut()
        if layer is not None:
            writes = layer.writes()
            self.store.append(writes)
            self.store.install(writes)
            self.engine.settle()
            wire.encode([out for _, out in layer.outs])

    def run(self, batches: int) -> None:
        """Send `batches` batches; notes the CPU time of the cheapest tenth of them, which the rest
        of the machine disturbed least."""
        payloads = [self.sends(self.batch) for _ in range(batches)]
        costs: list[float] = []
        begun_s = time.perf_counter()
        for payload in payloads:
            begun_cpu_s = time.process_time()
            self.run_batch(payload)
            costs.append(time.process_time() - begun_cpu_s)
        self.took_s = time.perf_counter() - begun_s
        self.cpu_s = sorted(costs)[len(costs) // 10]

    def run_batch(self, payload: bytes) -> None:
        for request in wire.decode_requests(payload):
            self.engine.command(FRONT, request)
        self.commit()

    async def checkpoint(self) -> float:
        begun_s = time.process_time()
        checkpoint = self.store.begin_checkpoint()
        checkpoint.open()
        while checkpoint.step(256):
            pass
        checkpoint.commit()
        checkpoint.finish()
        return time.process_time() - begun_s


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--batches", type=int, default=150)
    parser.add_argument("--group", type=int, default=0)
    parser.add_argument("--at-rest", action="store_true")
    parser.add_argument("--profile", action="store_true")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=".") as folder:
        bench = Bench(Path(folder), options.group)
        if options.at_rest:
            bench.batch = 1
        bench.run(20)
        if options.profile:
            profile = cProfile.Profile()
            profile.runcall(bench.run, options.batches)
            pstats.Stats(profile).sort_stats("tottime").print_stats(35)
        else:
            bench.run(options.batches)
        checkpoint_s = asyncio.run(bench.checkpoint())
        messages = options.batches * bench.batch
        result = {
            "messages": messages,
            "engine_us_per_message": round(bench.cpu_s / bench.batch * 1e6, 1),
            "messages_per_s": round(messages / bench.took_s),
            "checkpoint_us_per_message": round(checkpoint_s / messages * 1e6, 1),
        }
        if options.json:
            print(json.dumps(result))
        else:
            for name, value in result.items():
                print(f"{name:28} {value:>12,}")


if __name__ == "__main__":
    main()
