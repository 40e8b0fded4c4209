/**
 * How this device stays in step with its mailbox (docs/protocol.md, "Updates"): what is pushed goes
 * through the gate; where something is missing, the difference is asked for; where that is too
 * long, everything is fetched anew.
 */

import { Refused } from "../bridge/bridge";
import { type Contact, type Dialog, type Dialogs, LIMITS, type Numbered } from "../contract";
import type { Engine } from "./engine";
import { type Env, pause } from "./env";
import type { Rpc } from "./rpc";
import { unlessStale } from "./store/store";
import { fetchedAnew } from "./sync/answers";
import { pass } from "./sync/gate";
import { apply, needed } from "./sync/updates";

const GAP_MS = 500;
/** A page that is told of something twenty times a second has enough to do. */
const TURN_MS = 50;
const ACK_MS = 100;
const SILENCE_MS = 15 * 60_000;
const RETRY_MS = 1_000;

export class Mailbox {
  private held: ReadonlyMap<number, Numbered> = new Map();
  private came: Numbered[] = [];
  private life = 0;
  private asking = false;
  private again = false;
  private acking = false;
  private feeding = false;
  private fedMs = 0;
  private cancelGap: (() => void) | undefined;
  private cancelSilence = (): void => undefined;

  /** `settled`: all that there was when this was asked for is known. */
  constructor(
    private readonly env: Env,
    private readonly engine: Engine,
    private readonly rpc: Rpc,
    private readonly say: (frame: unknown) => void,
    private readonly settled: () => void,
    private readonly updating: () => void,
  ) {}

  /** Updates flow from here on; the mailbox was at `pts`. */
  connected(pts: number): void {
    this.disconnected();
    this.listenForSilence();
    if (this.engine.known.fact("pts") === pts) this.settled();
    else {
      this.updating();
      this.askDifference();
    }
  }

  disconnected(): void {
    this.life++;
    this.asking = this.again = this.acking = this.feeding = false;
    this.held = new Map();
    this.came = [];
    this.cancelGap?.();
    this.cancelGap = undefined;
    this.cancelSilence();
  }

  /** The mailbox is at `pts`, and this may be what happened then. */
  pushed(pts: number, update?: Numbered["update"]): void {
    this.listenForSilence();
    const known = this.engine.known.fact("pts");
    if (known === undefined) return; // what is being fetched reflects it, or the difference after it
    if (update) this.feed([{ pts, update }]);
    else if (pts > known) this.askDifference();
  }

  /** What this device has done is an update too, which is not pushed to it. */
  own(update: Numbered): void {
    this.fedMs = 0; // whoever sends sees it at once
    this.feed([update]);
  }

  /** There is a reason to doubt that everything is known. */
  askDifference(): void {
    if (this.asking) this.again = true;
    else {
      this.asking = true;
      this.catchUp(this.life).catch(unlessStale);
    }
  }

  /** One turn for all that has come until it begins; where much comes, not too many turns. */
  private feed(updates: readonly Numbered[]): void {
    this.came.push(...updates);
    if (this.feeding) return;
    this.feeding = true;
    const life = this.life;
    const take = (): void => {
      if (life === this.life) this.take(true, 0).catch(unlessStale);
    };
    const waitMs = this.fedMs + TURN_MS - this.env.now();
    if (waitMs > 0) this.env.after(waitMs, take);
    else take();
  }

  private async take(live: boolean, upTo: number, more: readonly Numbered[] = []): Promise<void> {
    const life = this.life;
    const { known } = this.engine;
    let passed = pass(0, new Map(), []);
    await this.engine.turn(
      (turn) => {
        for (const one of passed.ready) apply(turn, one, live);
        if (upTo > (turn.fact("pts") ?? 0)) turn.setFact("pts", upTo);
        if (life === this.life) this.held = passed.held;
      },
      () => {
        const came = life === this.life ? this.came.splice(0) : [];
        this.feeding = false;
        this.fedMs = this.env.now();
        passed = pass(known.fact("pts") ?? 0, this.held, [...more, ...came]);
        return passed.ready.flatMap(({ update }) => needed(update));
      },
    );
    if (life !== this.life) return;
    if (passed.ready.length) this.acknowledge();
    this.watchGap();
  }

  private watchGap(): void {
    if (!this.held.size) {
      this.cancelGap?.();
      this.cancelGap = undefined;
    } else
      this.cancelGap ??= this.env.after(GAP_MS, () => {
        this.cancelGap = undefined;
        if (this.held.size) this.askDifference();
      });
  }

  // --- the difference ----------------------------------------------------------------------------

  private async catchUp(life: number): Promise<void> {
    while (life === this.life) {
      try {
        this.again = false;
        const more = await this.step(life);
        if (life !== this.life) return;
        if (more || this.again) continue;
        this.asking = false;
        this.acknowledge();
        this.settled();
        return;
      } catch (error) {
        if (!(error instanceof Refused)) throw error;
        if (life !== this.life) return;
        await pause(this.env, 1_000 * (error.refusal.retryAfter ?? 0) || RETRY_MS);
      }
    }
  }

  /** Whether there is more to ask for. */
  private async step(life: number): Promise<boolean> {
    const { known } = this.engine;
    const pts = known.fact("pts");
    if (pts === undefined) {
      await this.fetchAnew(life);
      return true;
    }
    const found = await this.rpc.ask("updates.difference", { pts });
    if (life !== this.life) return false;
    if (found.kind === "too_long") {
      await this.fetchAnew(life);
      return true;
    }
    await this.take(false, found.kind === "empty" ? 0 : found.pts, found.updates);
    return found.kind === "slice";
  }

  /** The list of chats, as it was at least at one `pts`. */
  private async fetchAnew(life: number): Promise<void> {
    const found = new Map<string, Dialog & { asOf: number }>();
    const first = await this.page(found, 0);
    let page = first;
    while (page.next_offset) page = await this.page(found, page.next_offset);
    // A chat that moved up meanwhile may stand on no page that was read: it is at the top now.
    for (let [since, last] = [first.pts, page.pts]; last !== since; last = page.pts) {
      page = await this.page(found, 0);
      const now = page.pts;
      while (page.next_offset && (page.dialogs.at(-1)?.top_pts ?? 0) > since)
        page = await this.page(found, page.next_offset);
      since = now;
    }
    // Applied again, the updates since then change nothing of the rest, or bring it to where it is.
    const me = await this.rpc.call("users.me", {});
    const contacts = await this.contacts();
    const blocked = (await this.rpc.call("contacts.blocked", {})).user_ids;
    if (life !== this.life) return;
    const anew = { pts: first.pts, me, dialogs: [...found.values()], contacts, blocked };
    await this.engine.turn((turn) => fetchedAnew(turn, anew));
  }

  private async contacts(): Promise<Contact[]> {
    const found: Contact[] = [];
    for (let more = true; more; ) {
      const after_id = found.at(-1)?.user_id ?? 0;
      const page = await this.rpc.call("contacts.list", { after_id, limit: LIMITS.contacts_page_max });
      found.push(...page.contacts);
      more = page.more ?? false;
    }
    return found;
  }

  private async page(found: Map<string, Dialog & { asOf: number }>, offset: number): Promise<Dialogs> {
    const page = await this.rpc.call("chats.dialogs", { offset, limit: LIMITS.dialogs_page_max });
    for (const dialog of page.dialogs) found.set(dialog.chat_id, { ...dialog, asOf: page.pts });
    return page;
  }

  // --- timers ------------------------------------------------------------------------------------

  /** One acknowledgement for all that comes in a moment, of what is written. */
  private acknowledge(): void {
    if (this.acking) return;
    this.acking = true;
    const life = this.life;
    this.env.after(ACK_MS, () => {
      if (life !== this.life) return;
      this.acking = false;
      this.say({ ack: this.engine.known.fact("pts") });
    });
  }

  private listenForSilence(): void {
    this.cancelSilence();
    this.cancelSilence = this.env.after(SILENCE_MS, () => {
      this.listenForSilence();
      this.askDifference();
    });
  }
}
