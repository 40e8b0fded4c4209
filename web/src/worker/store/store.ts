/**
 * What the worker keeps, as tables of rows. There are two implementations that behave alike:
 * `indexed` in the browser's IndexedDB, and `memory` for where there is none.
 */

import type { Chat, Config, Dialog, Message, User } from "../../contract";
import type { Draft, OutgoingFile } from "../../bridge/protocol";

/** A dialog as the server tells it. `asOf`: the `pts` that it reflects already, where that is later
 * than the mailbox's; `stale`: its title or picture has to be asked for; `reading`: read here, and
 * not told to the server yet. */
export interface DialogRow extends Dialog {
  asOf?: number;
  stale?: boolean;
  reading?: number;
}

/** Ids from `start` to `end`, both included, of which everything that may be read is held. A start
 * of 1 says that nothing is older. */
export interface Slice {
  start: number;
  end: number;
}

export interface SlicesRow {
  chat_id: string;
  slices: Slice[];
}

/** What somebody is to this account; neither: no row. */
export interface ContactRow {
  user_id: number;
  name: string;
  contact: boolean;
  blocked: boolean;
}

export interface DraftRow extends Draft {
  chat_id: string;
}

/** A message on its way. What came from the page, and what is known of it. */
export interface OutboxRow {
  key: number;
  chat_id: string;
  random_id: number;
  text: string;
  reply_to: number;
  album: number;
  date_ms: number;
  state: "waiting" | "sending" | "failed";
  failure?: { code: string; detail: string };
  file?: OutgoingFile;
  /** The bytes, until they are stored at the server. */
  blob?: Blob;
  upload_id?: number;
  ticket?: { ticket: string; expires_ms: number };
  forward?: { chatId: string; id: number };
  /** The same for what was sent together. What is forwarded together is one request, as long as it is there. */
  batch?: number;
}

/** Single facts, by their names. */
export interface Facts {
  /** Who the rows belong to. */
  account: User;
  config: Config;
  limits: Record<string, number>;
  /** All updates up to this one are in the rows. */
  pts: number;
  /** The highest key that an outbox row has had. */
  outboxKey: number;
}

export type FactRow = { [K in keyof Facts]: { key: K; value: Facts[K] } }[keyof Facts];

export interface Tables {
  facts: FactRow;
  dialogs: DialogRow;
  slices: SlicesRow;
  messages: Message;
  users: User;
  contacts: ContactRow;
  chats: Chat;
  outbox: OutboxRow;
  drafts: DraftRow;
}

export type TableName = keyof Tables;
export type Key = string | number | [string, number];

export const KEY_PATHS: Readonly<Record<TableName, string | string[]>> = {
  facts: "key",
  dialogs: "chat_id",
  slices: "chat_id",
  messages: ["chat_id", "id"],
  users: "id",
  contacts: "user_id",
  chats: "id",
  outbox: "key",
  drafts: "chat_id",
};

export const TABLES = Object.keys(KEY_PATHS) as TableName[];

export function keyOf(table: TableName, row: Tables[TableName]): Key {
  const path = KEY_PATHS[table];
  const fields = row as unknown as Record<string, Key>;
  return typeof path === "string" ? fields[path]! : (path.map((name) => fields[name]) as [string, number]);
}

/** One thing that is written. `clear` of messages: all those of one chat; `empty`: whole tables. */
export type Change =
  | { [T in TableName]: { table: T; put: Tables[T] } }[TableName]
  | { table: TableName; remove: Key }
  | { table: "messages"; clear: string }
  | { empty: readonly TableName[] };

export interface Store {
  all<T extends TableName>(table: T): Promise<Tables[T][]>;
  messagesAt(keys: readonly [string, number][]): Promise<(Message | undefined)[]>;
  /** Messages with ids from `start` to `end`, the first (or `last`) so many, ascending. */
  messages(chatId: string, start: number, end: number, limit: number, last: boolean): Promise<Message[]>;
  /** All or nothing. Raises `Stale` if somebody else leads by now, and then nothing is written. */
  commit(changes: readonly Change[]): Promise<void>;
  close(): void;
}

/** Another worker leads, or has deleted everything. */
export class Stale extends Error {
  constructor() {
    super("another worker leads");
  }
}

/** What there is was written by a newer build. */
export class Newer extends Error {
  constructor() {
    super("a newer build has written it");
  }
}

/** For what nobody waits for: who leads no longer does nothing more. */
export function unlessStale(error: unknown): void {
  if (!(error instanceof Stale)) throw error;
}
