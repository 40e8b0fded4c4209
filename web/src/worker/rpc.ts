/** Methods, by the way that each goes. */

import { Refused } from "../bridge/bridge";
import { METHODS, type MethodName, type Methods } from "../contract";
import { type Env, pause } from "./env";
import { post } from "./http";
import type { Socket } from "./socket";

/** Refusals that pass by themselves. */
export const PASSING = new Set(["overloaded", "unavailable", "too_slow", "storage_full"]);
const ATTEMPTS = 3;
const RETRY_MS = 1_000;

export class Rpc {
  constructor(
    private readonly env: Env,
    private readonly socket: Socket,
  ) {}

  /** Once. */
  ask<N extends MethodName>(method: N, params: Methods[N]["params"]): Promise<Methods[N]["result"]> {
    if (METHODS[method].wire === "http") return post(this.env, method, params);
    return this.socket.ask(method, params);
  }

  /** Again where that changes nothing and may help: after a connection was lost, or the server was
   * busy. A refusal that says that the first attempt has been carried out is a success. */
  async call<N extends MethodName>(method: N, params: Methods[N]["params"]): Promise<Methods[N]["result"]> {
    const { repeatable, doneBefore } = METHODS[method];
    for (let attempt = 1; ; attempt++) {
      const wasOpen = this.socket.open;
      try {
        return await this.ask(method, params);
      } catch (error) {
        if (!(error instanceof Refused)) throw error;
        if (attempt > 1 && doneBefore && error.code === doneBefore) return { ok: true } as Methods[N]["result"];
        // Where there was no connection, whoever asks is told so at once.
        const passes = PASSING.has(error.code) || (error.code === "offline" && (wasOpen || attempt > 1) && !this.socket.stopped);
        if (!repeatable || !passes || attempt === ATTEMPTS) throw error;
        await pause(this.env, 1_000 * (error.refusal.retryAfter ?? 0) || RETRY_MS);
      }
    }
  }
}
