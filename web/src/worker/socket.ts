/**
 * The live connection: it says hello, carries requests, notices when it is dead, and comes back.
 * It knows nothing of what the frames mean.
 */

import { Refused } from "../bridge/bridge";
import type { Connection } from "../bridge/protocol";
import { CLOSE, type Event, type Hello, LIMITS, METHODS, type MethodName, type Methods, type Problem, type Update } from "../contract";
import type { Env } from "./env";
import { OFFLINE, refusalOf } from "./http";

const PAUSE_MS_MIN = 100;
const PAUSE_MS_MAX = 10_000;
/** A connection that is asked whether it lives answers within this, or is given up. */
const CHECK_MS = 2_000;
/** From dialling to the answer of the hello. */
const DIAL_MS = 10_000;
/** The server's own deadline is 15 s. */
const ANSWER_MS = 20_000;

export interface Pushed {
  pts?: number;
  update?: Update;
  event?: Event;
}

export interface Listener {
  connected(hello: Hello): void;
  pushed(frame: Pushed): void;
  connection(state: Connection): void;
  /** The session is over. */
  ended(): void;
}

interface Asked {
  method: MethodName;
  params: unknown;
  answer(result: unknown): void;
  refuse(error: Refused): void;
}

export class Socket {
  private ws: WebSocket | undefined;
  private state: "off" | "waiting" | "dialling" | "open" = "off";
  private readonly asked = new Map<number, Asked & { forget: () => void }>();
  private readonly queue: Asked[] = [];
  private number = 0;
  private pauseMs = PAUSE_MS_MIN;
  private heartbeatMs = 1_000 * LIMITS.heartbeat_s;
  private cancelWait = (): void => undefined;
  private cancelBeat = (): void => undefined;
  private cancelDeadline = (): void => undefined;

  constructor(
    private readonly env: Env,
    private readonly address: () => Promise<string>,
    private readonly listener: Listener,
  ) {}

  start(): void {
    if (this.state === "off") this.dial();
  }

  stop(): void {
    this.state = "off";
    this.drop();
  }

  get stopped(): boolean {
    return this.state === "off";
  }

  get open(): boolean {
    return this.state === "open";
  }

  /** Is it alive? If not, there is another within seconds. */
  check(): void {
    if (this.state === "waiting") this.dial();
    else if (this.state === "open") this.expect(CHECK_MS, { ping: 1 });
  }

  /** Refused as `offline` where there is no connection, or where it is lost before the answer. */
  ask<N extends MethodName>(method: N, params: Methods[N]["params"]): Promise<Methods[N]["result"]> {
    return new Promise((answer, refuse) => {
      const asked: Asked = { method, params, answer: answer as (result: unknown) => void, refuse };
      if (this.state === "off" || this.state === "waiting") refuse(new Refused(OFFLINE));
      else {
        this.queue.push(asked);
        if (this.open) this.flow();
      }
    });
  }

  /** Lost where there is no connection. */
  say(frame: unknown): void {
    if (this.open) this.ws!.send(JSON.stringify(frame));
  }

  // --- a connection, and the next one ------------------------------------------------------------

  private dial(): void {
    this.cancelWait();
    this.state = "dialling";
    this.listener.connection({ state: "connecting" });
    const current = (): boolean => this.state === "dialling" && this.ws === undefined;
    this.cancelDeadline = this.env.after(DIAL_MS, () => this.lost());
    this.address().then(
      (url) => {
        if (!current()) return;
        const ws = (this.ws = this.env.open(url));
        ws.onopen = () => this.greet(ws);
        ws.onmessage = (event: MessageEvent<string>) => this.ws === ws && this.heard(JSON.parse(event.data));
        ws.onclose = (event) => this.ws === ws && this.closed(event.code);
      },
      () => current() && this.lost(),
    );
  }

  private greet(ws: WebSocket): void {
    if (this.ws !== ws) return;
    this.transmit({
      method: "session.hello",
      params: {},
      answer: (result) => this.greeted(result as Hello),
      refuse: (error) => {
        if (this.ws !== ws) return;
        if (error.code === "unauthorized") this.end();
        else this.lost();
      },
    });
  }

  private greeted(hello: Hello): void {
    this.cancelDeadline();
    this.state = "open";
    this.pauseMs = PAUSE_MS_MIN;
    this.heartbeatMs = 1_000 * hello.heartbeat_s;
    this.beat();
    this.listener.connected(hello);
    this.flow();
  }

  private closed(code: number): void {
    if (code === CLOSE.SESSION_ENDED) this.end();
    // Coming back by itself would send another connection of this session away.
    else this.lost(code === CLOSE.TOO_MANY ? Infinity : code === CLOSE.GOING_AWAY ? 0 : undefined);
  }

  private end(): void {
    this.stop();
    this.listener.ended();
  }

  private lost(pauseMs = Math.round(this.pauseMs * (0.5 + this.env.random() / 2))): void {
    if (this.state === "off") return;
    this.pauseMs = Math.min(2 * this.pauseMs, PAUSE_MS_MAX);
    this.state = "waiting";
    this.drop();
    if (pauseMs !== Infinity) this.cancelWait = this.env.after(pauseMs, () => this.dial());
    const never = Number.MAX_SAFE_INTEGER;
    const retryMs = pauseMs === Infinity ? never : this.env.now() + pauseMs;
    this.listener.connection({ state: "offline", retryMs });
  }

  private drop(): void {
    this.cancelWait();
    this.cancelBeat();
    this.cancelDeadline();
    const ws = this.ws;
    this.ws = undefined;
    ws?.close();
    const unanswered = [...this.asked.values(), ...this.queue.splice(0)];
    this.asked.clear();
    for (const one of unanswered) {
      if ("forget" in one) (one.forget as () => void)();
      one.refuse(new Refused(OFFLINE));
    }
  }

  // --- alive? -----------------------------------------------------------------------------------

  private beat(): void {
    this.cancelBeat();
    this.cancelBeat = this.env.after(this.heartbeatMs, () => {
      this.expect(this.heartbeatMs / 2, { ping: 1 });
      this.beat();
    });
  }

  /** Something has to be heard within this time. */
  private expect(ms: number, frame: unknown): void {
    this.say(frame);
    this.cancelDeadline();
    this.cancelDeadline = this.env.after(ms, () => this.lost(0));
  }

  // --- frames -----------------------------------------------------------------------------------

  private heard(frame: Pushed & { id?: number; result?: unknown; error?: Problem; pong?: number }): void {
    if (this.open) this.cancelDeadline();
    if (frame.id === undefined) {
      if (frame.pong === undefined) this.listener.pushed(frame);
      return;
    }
    const asked = this.asked.get(frame.id);
    if (!asked) return;
    this.asked.delete(frame.id);
    asked.forget();
    if (frame.error) asked.refuse(new Refused(refusalOf(frame.error)));
    else asked.answer(frame.result);
    if (this.open) this.flow();
  }

  /** Send what waits, as much as may be unanswered. */
  private flow(): void {
    const reads = [...this.asked.values()].filter((one) => METHODS[one.method].read).length;
    let readsLeft = LIMITS.reads_in_flight_per_connection_max - reads;
    let left = LIMITS.requests_in_flight_per_connection_max - this.asked.size;
    for (const asked of this.queue.splice(0)) {
      const isRead = METHODS[asked.method].read;
      if (left <= 0 || (isRead && readsLeft <= 0)) {
        this.queue.push(asked);
        continue;
      }
      left--;
      if (isRead) readsLeft--;
      this.transmit(asked);
    }
  }

  private transmit(asked: Asked): void {
    const id = ++this.number;
    // One that is not answered in time: the connection is not what it seems to be.
    const forget = this.env.after(ANSWER_MS, () => this.lost(0));
    this.asked.set(id, { ...asked, forget });
    this.ws!.send(JSON.stringify({ id, method: asked.method, params: asked.params }));
  }
}
