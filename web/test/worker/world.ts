/** Time, chance and network of tests: nothing happens but what a test lets happen. */

import type { Env } from "../../src/worker/env";
import type { ModelServer } from "./server";

interface Timer {
  atMs: number;
  what: () => void;
}

export class World {
  nowMs = 1_000_000;
  private readonly timers = new Set<Timer>();
  readonly sockets = new Set<FakeSocket>();
  reachable = true;
  private seed = 1;

  constructor(readonly server: ModelServer) {}

  /** A worker's view of the world, until it dies. */
  env(): Env & { die(): void } {
    let dead = false;
    const mine = new Set<FakeSocket>();
    return {
      now: () => this.nowMs,
      random: () => {
        this.seed = (this.seed * 48_271) % 2_147_483_647;
        return this.seed / 2_147_483_647;
      },
      after: (ms, what) => {
        const timer = { atMs: this.nowMs + ms, what: () => dead || what() };
        this.timers.add(timer);
        return () => this.timers.delete(timer);
      },
      fetch: async (path, init) => {
        if (dead) return new Promise(() => undefined);
        if (!this.reachable) throw new TypeError("unreachable");
        return this.server.http(path, init);
      },
      open: (url) => {
        const socket = new FakeSocket(this, url);
        mine.add(socket);
        return socket as unknown as WebSocket;
      },
      origin: new URL("http://chat.example"),
      die: () => {
        dead = true;
        for (const socket of mine) socket.vanish();
      },
    };
  }

  /** Until nothing happens any more by itself. */
  async calm(): Promise<void> {
    for (let turn = 0; turn < 3; turn++) await new Promise((done) => setImmediate(done));
  }

  /** Time passes; timers that are due then happen in their order. */
  async pass(ms: number): Promise<void> {
    const until = this.nowMs + ms;
    await this.calm();
    for (;;) {
      const next = [...this.timers].sort((a, b) => a.atMs - b.atMs)[0];
      if (!next || next.atMs > until) break;
      this.timers.delete(next);
      this.nowMs = Math.max(this.nowMs, next.atMs);
      next.what();
      await this.calm();
    }
    this.nowMs = until;
  }

  get frames(): number {
    let count = 0;
    for (const socket of this.sockets) count += socket.toServer.length + socket.toClient.length;
    return count;
  }

  /** Everything that is on its way arrives, and what follows of that. */
  async deliver(): Promise<void> {
    await this.calm();
    for (let round = 0; this.frames; round++) {
      if (round > 1_000) throw new Error(`they never stop: ${this.server.asked.slice(-5).join(", ")}`);
      for (const socket of [...this.sockets]) socket.deliverAll();
      await this.calm();
    }
  }

  /** As `deliver`, while time passes too. */
  async settle(ms: number): Promise<void> {
    for (let passed = 0; passed <= ms; passed += 250) {
      await this.deliver();
      await this.pass(250);
    }
    await this.deliver();
  }
}

/** A WebSocket whose frames wait until a test delivers them. */
export class FakeSocket {
  readyState = 0;
  onopen: (() => void) | null = null;
  onmessage: ((event: { data: string }) => void) | null = null;
  onclose: ((event: { code: number }) => void) | null = null;
  readonly toServer: string[] = [];
  readonly toClient: string[] = [];
  private number = 0;
  /** It looks alive, and nothing gets through. */
  deaf = false;

  constructor(
    private readonly world: World,
    readonly url: string,
  ) {
    world.sockets.add(this);
    void Promise.resolve().then(() => {
      if (this.readyState !== 0) return;
      if (!world.reachable) return this.cut(1006);
      this.readyState = 1;
      this.number = world.server.connect((frame) => this.toClient.push(JSON.stringify(frame)), (code) => this.cut(code));
      this.onopen?.();
    });
  }

  send(data: string): void {
    if (this.readyState === 1 && !this.deaf) this.toServer.push(data);
  }

  close(): void {
    this.vanish();
  }

  /** The connection ends, and both sides see it. */
  cut(code = 1006): void {
    if (this.readyState === 3) return;
    this.vanish();
    this.onclose?.({ code });
  }

  vanish(): void {
    if (this.readyState === 3) return;
    this.readyState = 3;
    this.world.sockets.delete(this);
    this.world.server.disconnect(this.number);
  }

  deliverToServer(): void {
    const frame = this.toServer.shift();
    if (frame !== undefined) this.world.server.heard(this.number, JSON.parse(frame));
  }

  deliverToClient(at = 0): void {
    const [frame] = this.toClient.splice(at, 1);
    if (frame !== undefined && this.readyState === 1 && !this.deaf) this.onmessage?.({ data: frame });
  }

  deliverAll(): void {
    while (this.toServer.length) this.deliverToServer();
    while (this.toClient.length) this.deliverToClient();
  }
}
