/**
 * A tab's worker among those of the other tabs. One of them leads: it holds the lock, and answers
 * what all pages ask; the others pass it on. A tab that is seen and whose leader is silent takes the
 * lock from it. One that meets a newer build leads no more, and says so to its page.
 */

import { Refused } from "../bridge/bridge";
import { type Notice, type PageState, PROTOCOL, type Refusal, type RequestName } from "../bridge/protocol";
import { refusalOf, type Served } from "../bridge/server";
import { type Answer, type Ask, Channel, type Said } from "./channel";
import { Engine } from "./engine";
import { type Env, randomId } from "./env";
import { type Asker, answer } from "./requests";
import { Session } from "./session";
import { type Opened } from "./store/open";
import { Stale } from "./store/store";
import type { Told } from "./sync/tells";

const SILENCE_MS = 2_000;
/** A page that is seen asks so often whether its leader is there. */
const PING_MS = 5_000;
const RESTART_MS = 500;
const REMEMBERED = 1_000;
const LOCK = "heliograph";

const OUTDATED: Refusal = {
  code: "outdated",
  detail: "A newer version of this page is open in another tab: reload this one.",
};

/** Where workers of one origin meet; without them, each leads for itself. */
export interface Meeting {
  locks: Pick<LockManager, "request">;
  channel: Pick<BroadcastChannel, "postMessage" | "onmessage">;
}

interface Pending extends Ask {
  answer(result: unknown): void;
  refuse(error: Refused): void;
}

export class Tab implements Served {
  private readonly name: string;
  private readonly pending = new Map<number, Pending>();
  private readonly seen = new Map<string, { state: PageState; atMs: number }>();
  /** Of the last requests of other tabs, so that none is done twice. */
  private readonly taken = new Set<string>();
  private state: PageState = { visible: false, focused: false, online: true };
  private session: Promise<Session> | undefined;
  private readonly channel: Channel | undefined;
  private outdated = false;
  private release = (): void => undefined;
  private number = 0;
  private cancelSilence: (() => void) | undefined;
  private cancelPing = (): void => undefined;

  /** `open`: the store, as who leads opens it. */
  constructor(
    private readonly env: Env,
    private readonly meeting: Meeting | undefined,
    private readonly open: () => Promise<Opened>,
    private readonly tellPage: (notice: Notice) => void,
    protocol = PROTOCOL,
  ) {
    this.name = randomId(env).toString(36);
    const [heard, newer] = [(said: Said) => this.heard(said), () => this.outdate()];
    this.channel = meeting && new Channel(meeting.channel, heard, newer, protocol);
  }

  start(): void {
    if (this.meeting) this.wait();
    else void this.lead();
  }

  // --- its page ----------------------------------------------------------------------------------

  ask(name: RequestName, params: unknown): Promise<unknown> {
    const ask: Ask = { id: ++this.number, name, params, once: randomId(this.env) };
    return this.session ? this.local(ask) : this.remote(ask);
  }

  page(state: PageState): void {
    if (this.outdated) return;
    const woke = (state.visible && !this.state.visible) || (state.online && !this.state.online);
    this.state = state;
    if (this.session) {
      if (woke) void this.session.then((session) => session.check());
      return;
    }
    this.say({ page: state, from: this.name });
    if (state.visible) this.ping();
  }

  // --- to and from the others --------------------------------------------------------------------

  /** Asked again of whoever leads then, if the lead is lost before the answer. */
  private async local(ask: Ask): Promise<unknown> {
    const { session } = this;
    try {
      return await this.answer(ask, this.name);
    } catch (error) {
      if (session === this.session && !(error instanceof Stale)) throw error;
      return this.session && this.session !== session ? this.local(ask) : this.remote(ask);
    }
  }

  private remote(ask: Ask): Promise<unknown> {
    if (this.outdated) return Promise.reject(new Refused(OUTDATED));
    return new Promise((done, refuse) => {
      this.pending.set(ask.id, { ...ask, answer: done, refuse });
      this.pass(ask);
    });
  }

  private pass({ id, name, params, once }: Ask): void {
    this.say({ ask: { id, name, params, once }, from: this.name });
    this.expectLeader();
  }

  private async answer(ask: Ask, page: string): Promise<unknown> {
    const session = await this.session;
    if (!session) throw new Stale();
    const asker: Asker = { page, once: ask.once };
    return answer(session, ask.name, ask.params, asker);
  }

  private say(said: Said): void {
    this.channel?.say(said);
  }

  private heard(said: Said): void {
    if ("to" in said && said.to !== undefined && said.to !== this.name) return;
    if ("lead" in said) this.follow();
    else if ("notice" in said) {
      this.leaderIsThere();
      if (said.except !== this.name) this.tellPage(said.notice);
    } else if ("here" in said) this.leaderIsThere();
    else if ("answer" in said) this.answered(said.answer);
    else if (this.session) this.heardAsLeader(said);
  }

  private heardAsLeader(said: Extract<Said, { from: string }>): void {
    const { from } = said;
    if ("page" in said) {
      const before = this.seen.get(from)?.state;
      if (said.page.closing) this.seen.delete(from);
      else this.seen.set(from, { state: said.page, atMs: this.env.now() });
      const woke = (said.page.visible && !before?.visible) || (said.page.online && before?.online === false);
      if (woke) void this.session!.then((session) => session.check());
      return;
    }
    this.say({ to: from, here: true });
    if ("ping" in said) {
      const page = this.seen.get(from);
      if (page) page.atMs = this.env.now();
    } else if (!this.takes(`${from} ${said.ask.id}`)) {
      const { id } = said.ask;
      const { session } = this;
      this.answer(said.ask, from).then(
        (result) => this.say({ to: from, answer: { id, result } }),
        (error: unknown) => {
          // Otherwise the next leader is asked.
          if (session === this.session && !(error instanceof Stale))
            this.say({ to: from, answer: { id, refusal: refusalOf(error) } });
        },
      );
    }
  }

  /** Whether it has taken this one already. */
  private takes(key: string): boolean {
    if (this.taken.has(key)) return true;
    this.taken.add(key);
    if (this.taken.size > REMEMBERED) for (const oldest of [...this.taken].slice(0, REMEMBERED / 2)) this.taken.delete(oldest);
    return false;
  }

  private answered(answer: Answer): void {
    this.leaderIsThere();
    const one = this.pending.get(answer.id);
    this.pending.delete(answer.id);
    if ("refusal" in answer) one?.refuse(new Refused(answer.refusal));
    else one?.answer(answer.result);
  }

  private tell(told: Told[]): void {
    for (const { notice, except, once } of told) {
      const to = once ? this.whoIsSeen() : undefined;
      if ((to ?? this.name) === this.name && except !== this.name) this.tellPage(notice);
      if (to !== this.name) this.say({ notice, ...(to !== undefined && { to }), ...(except !== undefined && { except }) });
    }
  }

  /** The page that a person looks at, if there is one. */
  private whoIsSeen(): string {
    const fresh = this.env.now() - 3 * PING_MS;
    const pages = [...this.seen].filter(([, page]) => page.atMs > fresh).map(([name, page]) => [name, page.state] as const);
    pages.unshift([this.name, this.state]);
    const found = pages.find(([, page]) => page.focused) ?? pages.find(([, page]) => page.visible);
    return found?.[0] ?? this.name;
  }

  // --- who leads ---------------------------------------------------------------------------------

  private wait(steal = false): void {
    const options = steal ? { steal } : {};
    this.meeting!.locks
      .request(LOCK, options, () => {
        if (this.outdated) return Promise.resolve();
        const session = this.lead();
        // As long as this tab is there, or until somebody else takes the lock.
        return new Promise<void>((release, lost) => {
          this.release = release;
          session.catch(lost);
        });
      })
      .catch(() => this.lost());
  }

  private lead(): Promise<Session> {
    this.leaderIsThere();
    this.cancelPing();
    this.taken.clear();
    const session = this.begin();
    this.session = session;
    this.say({ lead: this.name });
    for (const one of this.pending.values()) {
      this.pending.delete(one.id);
      this.local(one).then(one.answer, one.refuse);
    }
    return session;
  }

  private async begin(): Promise<Session> {
    const { store, keeping } = await this.open();
    const telling = { tell: (told: Told[]) => this.tell(told), stale: () => this.stale(session) };
    const session: Session = new Session(this.env, new Engine(store, keeping, telling), this.open);
    await session.start();
    return session;
  }

  /** Somebody else leads; or, if that is not heard in a moment, a person has emptied the browser's
   * store: then it is begun again. */
  private stale(session: Session): void {
    const mine = this.session;
    void session.stop();
    this.env.after(RESTART_MS, () => {
      if (mine && this.session === mine) void this.lead();
    });
  }

  /** Somebody else has taken the lock. */
  private lost(): void {
    this.leadNoMore();
    this.wait();
    this.follow();
  }

  private leadNoMore(): void {
    void this.session?.then(
      (one) => one.stop(),
      () => undefined, // it has not begun
    );
    this.session = undefined;
  }

  /** A newer build is there, and takes the store over with all that is on its way: nothing is done
   * here until the page is loaded again. */
  private outdate(): void {
    this.outdated = true;
    this.cancelPing();
    this.leaderIsThere();
    this.leadNoMore();
    this.release();
    for (const one of this.pending.values()) one.refuse(new Refused(OUTDATED));
    this.pending.clear();
    this.tellPage({ kind: "outdated" });
  }

  /** There is a new leader: what has not been answered is asked of it. */
  private follow(): void {
    if (this.session) return;
    this.leaderIsThere();
    this.say({ page: this.state, from: this.name });
    for (const one of this.pending.values()) this.pass(one);
    if (this.state.visible) this.ping();
  }

  private ping(): void {
    this.cancelPing();
    if (this.session || !this.state.visible) return;
    this.say({ ping: true, from: this.name });
    this.expectLeader();
    this.cancelPing = this.env.after(PING_MS, () => this.ping());
  }

  private expectLeader(): void {
    this.cancelSilence ??= this.env.after(SILENCE_MS, () => {
      this.cancelSilence = undefined;
      if (this.session) return;
      if (this.state.visible) this.wait(true);
      else for (const one of this.pending.values()) this.pass(one); // whoever leads by now may not have heard it
    });
  }

  private leaderIsThere(): void {
    this.cancelSilence?.();
    this.cancelSilence = undefined;
  }
}
