/**
 * What is known, all but the messages, in memory; and a turn: what one input changes of it. A turn
 * changes nothing that is known until its changes are written (`Known.learn`), so what is in memory
 * is never ahead of the store.
 */

import type { Dialog, Message, Update } from "../../contract";
import {
  type Change,
  type FactRow,
  type Facts,
  type Key,
  TABLES,
  type TableName,
  type Tables,
  keyOf,
} from "../store/store";

export type MemoryTable = Exclude<TableName, "messages">;

export class Known {
  private readonly tables = new Map<TableName, Map<Key, unknown>>(TABLES.map((table) => [table, new Map()]));

  map<T extends MemoryTable>(table: T): ReadonlyMap<Key, Tables[T]> {
    return this.tables.get(table) as Map<Key, Tables[T]>;
  }

  get<T extends MemoryTable>(table: T, key: Key): Tables[T] | undefined {
    return this.map(table).get(key);
  }

  fact<K extends keyof Facts>(key: K): Facts[K] | undefined {
    return (this.get("facts", key) as { value: Facts[K] } | undefined)?.value;
  }

  /** Changes that are written. */
  learn(changes: readonly Change[]): void {
    for (const change of changes)
      if ("empty" in change) for (const table of change.empty) this.tables.get(table)!.clear();
      else if (change.table !== "messages" && !("clear" in change)) {
        const table = this.tables.get(change.table)!;
        if ("put" in change) table.set(keyOf(change.table, change.put), change.put);
        else table.delete(change.remove);
      }
  }

  /** Histories are not held any more. */
  forgetHistories(): void {
    this.tables.get("slices")!.clear();
  }
}

export class Turn {
  private readonly rows = new Map<MemoryTable, Map<Key, unknown>>();
  private readonly messages = new Map<string, Map<number, Message>>();
  private readonly untold = new Set<string>();
  private readonly dropped = new Set<string>();
  private readonly emptied = new Set<TableName>();
  /** Messages from others that came just now. */
  readonly arrived: Message[] = [];
  /** Updates that this turn has applied. */
  readonly applied: Update[] = [];
  /** Messages with files that are deleted by it, or forgotten. */
  readonly erased: Message[] = [];
  /** The page that asked for this, if one did. */
  from: string | undefined;

  /** `held`: the messages of the store that this turn may look at. */
  constructor(
    readonly known: Known,
    private readonly held: ReadonlyMap<string, Message> = new Map(),
  ) {}

  get<T extends MemoryTable>(table: T, key: Key): Tables[T] | undefined {
    const mine = this.rows.get(table);
    if (mine?.has(key)) return mine.get(key) as Tables[T] | undefined;
    return this.emptied.has(table) ? undefined : this.known.get(table, key);
  }

  *each<T extends MemoryTable>(table: T): Iterable<Tables[T]> {
    const mine = this.rows.get(table);
    if (!this.emptied.has(table)) for (const [key, row] of this.known.map(table)) if (!mine?.has(key)) yield row;
    for (const row of mine?.values() ?? []) if (row !== undefined) yield row as Tables[T];
  }

  put<T extends MemoryTable>(table: T, row: Tables[T]): void {
    this.own(table).set(keyOf(table, row), row);
  }

  remove(table: MemoryTable, key: Key): void {
    if (this.get(table, key) !== undefined) this.own(table).set(key, undefined);
  }

  fact<K extends keyof Facts>(key: K): Facts[K] | undefined {
    return (this.get("facts", key) as { value: Facts[K] } | undefined)?.value;
  }

  setFact<K extends keyof Facts>(key: K, value: Facts[K]): void {
    if (this.fact(key) !== value) this.put("facts", { key, value } as FactRow);
  }

  dialog(chatId: string, changes: Partial<Dialog> & { stale?: boolean; reading?: number }): void {
    const row = this.get("dialogs", chatId);
    if (row) this.put("dialogs", { ...row, ...changes });
  }

  message(chatId: string, id: number): Message | undefined {
    const mine = this.messages.get(chatId)?.get(id);
    if (mine) return mine;
    return this.drops(chatId) ? undefined : this.held.get(heldKey(chatId, id));
  }

  /** `quietly`: it is an answer to who asked, and no news. */
  putMessage(message: Message, quietly = false): void {
    const key = heldKey(message.chat_id, message.id);
    if (quietly && !this.messages.get(message.chat_id)?.has(message.id)) this.untold.add(key);
    else if (!quietly) this.untold.delete(key);
    let chat = this.messages.get(message.chat_id);
    if (!chat) this.messages.set(message.chat_id, (chat = new Map()));
    chat.set(message.id, message);
    if (this.get("dialogs", message.chat_id)?.top_id === message.id) this.dialog(message.chat_id, { message });
  }

  /** Forget what is held of a chat's history. */
  dropMessages(chatId: string): void {
    this.messages.delete(chatId);
    this.dropped.add(chatId);
    this.remove("slices", chatId);
  }

  /** Forget all rows of these tables. */
  empty(tables: readonly TableName[]): void {
    for (const table of tables) {
      this.emptied.add(table);
      if (table !== "messages") this.rows.delete(table);
      else this.messages.clear();
    }
  }

  empties(table: TableName): boolean {
    return this.emptied.has(table);
  }

  /** Whether what was held of a chat's history is forgotten. */
  drops(chatId: string): boolean {
    return this.dropped.has(chatId) || this.emptied.has("messages");
  }

  /** The rows of a table that this turn writes or (undefined) takes away. */
  written<T extends MemoryTable>(table: T): ReadonlyMap<Key, Tables[T] | undefined> {
    return (this.rows.get(table) ?? new Map()) as Map<Key, Tables[T] | undefined>;
  }

  get writtenMessages(): ReadonlyMap<string, ReadonlyMap<number, Message>> {
    return this.messages;
  }

  /** Messages that are news, by their chats. */
  news(): Map<string, Message[]> {
    const news = new Map<string, Message[]>();
    for (const [chatId, chat] of this.messages) {
      const told = [...chat.values()].filter((one) => !this.untold.has(heldKey(chatId, one.id)));
      if (told.length) news.set(chatId, told.sort((a, b) => a.id - b.id));
    }
    return news;
  }

  /** Chats of which a page has to ask again for what it shows. */
  get resets(): Iterable<string> {
    return this.emptied.has("facts") ? [] : this.forgotten; // another account: there is nothing to be shown
  }

  /** Chats of which nothing is held any more that was held before. */
  get forgotten(): Iterable<string> {
    return this.emptied.has("messages") ? (this.known.map("dialogs").keys() as Iterable<string>) : this.dropped;
  }

  changes(): Change[] {
    const changes: Change[] = this.emptied.size ? [{ empty: [...this.emptied] }] : [];
    for (const chatId of this.dropped) changes.push({ table: "messages", clear: chatId });
    for (const [table, rows] of this.rows)
      for (const [key, row] of rows)
        changes.push((row === undefined ? { table, remove: key } : { table, put: row }) as Change);
    for (const chat of this.messages.values())
      for (const put of chat.values()) changes.push({ table: "messages", put });
    return changes;
  }

  private own(table: MemoryTable): Map<Key, unknown> {
    let mine = this.rows.get(table);
    if (!mine) this.rows.set(table, (mine = new Map()));
    return mine;
  }
}

export function heldKey(chatId: string, id: number): string {
  return `${chatId} ${id}`;
}
