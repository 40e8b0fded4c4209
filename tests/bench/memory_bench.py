"""Memory of a host per resident actor, with many more known to the server than are resident.
`python -m tests.bench.memory_bench [--known N] [--resident N] [--json]`.

Makes users with a session and private chats with messages, all durable, then starts a host afresh
in a process of its own, lets it activate actors of all three kinds up to its bound, and compares
its memory before and after. No Ray: what a process of Ray's takes is the same for one actor as for
a million.
"""

from __future__ import annotations

import argparse
import json
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import msgspec

from actors import addresses
from actors.chat.messages import OpenChat
from actors.handle.messages import NewAccount
from actors.kinds import KINDS
from actors.session.messages import Attach
from api import methods as m
from runtime import refs, wire
from runtime.engine import Engine
from runtime.messages import Internal
from runtime.placement import Placement
from runtime.refs import EXEMPT, NOBODY, Caller
from runtime.wire import Request
from sim.memory import anonymous_bytes
from storage.engine import LmdbStore

COMMIT_EVERY = 500


class Host:
    """An engine over a store, driven without a loop."""

    def __init__(self, folder: Path, resident_max: int) -> None:
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
            resident_max=resident_max,
        )
        self.number = 0

    def post(self, ref: refs.ActorRef, message: Internal | m.Params, caller: Caller) -> None:
        self.number += 1
        if isinstance(message, m.Params):
            name, body = message.method.name, msgspec.json.encode(message)
        else:
            name, body = "", wire.encode(message)
        self.engine.command("front", Request(self.number, ref, caller, name, body))
        if self.number % COMMIT_EVERY == 0:
            self.commit()

    def commit(self) -> None:
        layer = self.engine.cut()
        if layer is not None:
            writes = layer.writes()
            if writes:
                self.store.append(writes)
                self.store.install(writes)
            self.engine.settle()
        if self.store.due(time.monotonic()):
            self.checkpoint()

    def checkpoint(self) -> None:
        checkpoint = self.store.begin_checkpoint()
        checkpoint.open()
        while checkpoint.step(4096):
            pass
        checkpoint.commit()
        checkpoint.finish()


def populate(folder: Path, known: int) -> None:
    """`known` users, each with a session and a chat with the next one, and one message in it."""
    host = Host(folder, 20_000)
    for user in range(1, known + 1):
        account = NewAccount(user, user, f"user{user}", "Some Name", "h" * 97, b"t" * 32, "x")
        host.post(addresses.username(f"user{user}"), account, NOBODY)
    for user in range(1, known + 1):
        chat = addresses.private_chat_id(user, user % known + 1)
        host.post(addresses.chat(chat), OpenChat(user, user % known + 1), NOBODY)
        sent = m.SendMessage(chat, "Something that people say to each other.", user)
        host.post(addresses.chat(chat), sent, Caller(user, user, network=EXEMPT))
    host.commit()
    host.checkpoint()
    host.store.close()


def activate(folder: Path, known: int, resident: int) -> dict[str, float]:
    """Make `resident` actors resident; bytes for each."""
    host = Host(folder, resident)
    warm = 300
    touch(host, known, 0, warm)
    before, held = anonymous_bytes(), len(host.engine.residents)
    touch(host, known, warm, resident)
    after = anonymous_bytes()
    count = len(host.engine.residents) - held
    return {
        "known_actors": 3 * known,
        "resident_actors": len(host.engine.residents),
        "bytes_per_resident_actor": round((after - before) / count),
        "process_mb": round(after / 1e6, 1),
    }


def touch(host: Host, known: int, first: int, upto: int) -> None:
    """Activate a session, its user and a chat of theirs, and so on."""
    user = first + 1
    while len(host.engine.residents) < upto:
        spread = user * 7919 % known + 1
        host.post(addresses.session(spread, spread), Attach("front", spread, b"t" * 32), NOBODY)
        chat = addresses.private_chat_id(spread, spread % known + 1)
        host.post(addresses.chat(chat), m.SetTyping(chat), Caller(spread, spread, network=EXEMPT))
        user += 1
    host.commit()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--known", type=int, default=100_000)
    parser.add_argument("--resident", type=int, default=10_000)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--folder", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.folder:
        print(json.dumps(activate(Path(options.folder), options.known, options.resident)))
        return
    with tempfile.TemporaryDirectory(dir=".") as folder:
        populate(Path(folder), options.known)
        command = [sys.executable, "-m", "tests.bench.memory_bench", "--folder", folder]
        command += ["--known", str(options.known), "--resident", str(options.resident)]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
    result = json.loads(done.stdout.splitlines()[-1])
    if options.json:
        print(json.dumps(result))
    else:
        for name, value in result.items():
            print(f"{name:28} {value:>12,}")


if __name__ == "__main__":
    main()
