/** The cookie that this browser is logged in by, which no script reads: the answer to `users.me`, and
 * no other, sets it anew or ends it (docs/adr/0031-cookie.md). */

import type { Env } from "./env";
import { post } from "./http";

const RENEWED_MS = 24 * 3_600_000;
const ENDED_MS = 3_000;

export class Cookie {
  private renewedMs = -Infinity;
  private renewing = new AbortController();

  constructor(private readonly env: Env) {}

  /** Browsers keep it for 400 days at most; whoever comes back earlier stays logged in. */
  async renew(): Promise<void> {
    if (this.env.now() - this.renewedMs < RENEWED_MS) return;
    this.renewedMs = this.env.now();
    this.renewing = new AbortController();
    await post(this.env, "users.me", {}, this.renewing.signal).catch(() => this.leave());
  }

  /** Before there is another login, or none: an answer that came later would put this one back. */
  leave(): void {
    this.renewing.abort();
    this.renewedMs = -Infinity;
  }

  /** The answer to whose it is ends one that is over, and no other. Before anybody can log in here:
   * it would end the cookie of that login if it came later. */
  async end(): Promise<void> {
    const asking = new AbortController();
    const cancel = this.env.after(ENDED_MS, () => asking.abort());
    await post(this.env, "users.me", {}, asking.signal).catch(() => undefined);
    cancel();
  }
}
