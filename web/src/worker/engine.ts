/**
 * The engine around what is pure: one turn after the other, each of which loads what it needs,
 * changes what is known, writes that in one transaction, and only then learns and tells it.
 */

import type { Keeping } from "../bridge/protocol";
import type { Message, Status } from "../contract";
import { MemoryStore } from "./store/memory";
import type { Opened } from "./store/open";
import { Stale, type Store, TABLES, type Tables } from "./store/store";
import { Known, Turn, heldKey } from "./sync/known";
import { type Told, changedBy, tellsOf } from "./sync/tells";

/** Of so many messages that are forgotten at once it is looked at which files they had. */
const FORGOTTEN_MAX = 10_000;

export interface Telling {
  tell(told: Told[]): void;
  /** Somebody else leads: this engine writes nothing any more. */
  stale(): void;
}

export class Engine {
  readonly known = new Known();
  /** Who is online; not kept. */
  readonly presence = new Map<number, Status>();
  /** Shown every turn at once when it is written. */
  readonly watchers = new Set<(turn: Turn) => void>();
  private last: Promise<unknown> = Promise.resolve();
  private stopped = false;

  constructor(
    private store: Store,
    public keeping: Keeping,
    private readonly telling: Telling,
  ) {}

  async load(): Promise<void> {
    await this.reading(async (store) => {
      for (const table of TABLES) {
        if (table === "messages") continue;
        const rows = await store.all(table);
        this.known.learn(rows.map((put) => ({ table, put: put as Tables["dialogs"] }) as never));
      }
    });
  }

  /** `needs`: which messages it looks at; asked when the turn begins, like `work`. */
  turn<T>(work: (turn: Turn) => T, needs: () => readonly [string, number][] = () => []): Promise<T> {
    return this.next(async () => {
      const keys = needs();
      const found = keys.length ? await this.reading((store) => store.messagesAt(keys)) : [];
      const held = new Map<string, Message>();
      for (const message of found) if (message) held.set(heldKey(message.chat_id, message.id), message);
      const turn = new Turn(this.known, held);
      const result = work(turn);
      await this.noteForgotten(turn);
      await this.commit(turn);
      return result;
    });
  }

  messages(chatId: string, start: number, end: number, limit: number, last: boolean): Promise<Message[]> {
    return this.reading((store) => store.messages(chatId, start, end, limit, last));
  }

  messagesAt(keys: readonly [string, number][]): Promise<(Message | undefined)[]> {
    return this.reading((store) => store.messagesAt(keys));
  }

  tell(...told: Told[]): void {
    if (!this.stopped) this.telling.tell(told);
  }

  /** Forget everything, also what is on the way, and begin with another store: the browser may have
   * thrown away the one that there was. */
  renew(open: () => Promise<Opened>): Promise<void> {
    return this.next(async () => {
      this.known.learn([{ empty: TABLES }]);
      await this.store.commit([{ empty: TABLES }]).catch(() => undefined);
      this.store.close();
      const { store, keeping } = await open();
      await this.moveTo(store, keeping);
    });
  }

  /** Nothing is written any more. */
  async stop(): Promise<void> {
    this.stopped = true;
    await this.last;
    this.store.close();
  }

  private next<T>(work: () => Promise<T>): Promise<T> {
    const mine = this.last.then(() => {
      if (this.stopped) throw new Stale();
      return work();
    });
    this.last = mine.catch(() => undefined);
    return mine;
  }

  /** Another store, for all that comes. What is known is in memory; only histories are asked of it. */
  private async moveTo(store: Store, keeping: Keeping): Promise<void> {
    this.store.close();
    this.store = store;
    this.known.forgetHistories();
    await store.commit([{ empty: TABLES }]);
    if (JSON.stringify(keeping) === JSON.stringify(this.keeping)) return;
    this.keeping = keeping;
    this.tell({ notice: { kind: "keeping", keeping } });
  }

  /** Before they go: which messages had files that may be refused from now on. */
  private async noteForgotten(turn: Turn): Promise<void> {
    let left = FORGOTTEN_MAX;
    for (const chatId of turn.forgotten) {
      const held = left ? await this.messages(chatId, 1, Number.MAX_SAFE_INTEGER, left, false) : [];
      left -= held.length;
      turn.erased.push(...held.filter(({ id, media }) => media && !turn.message(chatId, id)));
    }
  }

  private async commit(turn: Turn): Promise<void> {
    let changes = turn.changes();
    if (changes.length)
      try {
        await this.store.commit(changes);
      } catch (error) {
        await this.failed(error, this.store);
        // What was held of histories is not in the new store.
        changes = changes.filter((change) => !("table" in change && change.table === "slices"));
        await this.store.commit(changes);
      }
    const changed = changedBy(turn);
    this.known.learn(changes);
    for (const watcher of this.watchers) watcher(turn);
    const told = tellsOf(this.known, changed, this.presence);
    if (told.length) this.tell(...told);
  }

  private async reading<T>(read: (store: Store) => Promise<T>): Promise<T> {
    const { store } = this;
    try {
      return await read(store);
    } catch (error) {
      if (this.stopped) throw new Stale();
      await this.failed(error, store);
      return read(this.store);
    }
  }

  /** A store does not do what it should: go on in memory, and say so. */
  private async failed(error: unknown, store: Store): Promise<void> {
    if (store !== this.store) return; // somebody has noticed before
    if (error instanceof Stale) {
      this.stopped = true;
      this.telling.stale();
      throw error;
    }
    if (store instanceof MemoryStore) throw error;
    const full = error instanceof DOMException && error.name === "QuotaExceededError";
    await this.moveTo(new MemoryStore(), { state: "memory", why: full ? "full" : "failed" });
  }
}
