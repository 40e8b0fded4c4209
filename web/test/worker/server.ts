/** A small model of the server, as docs/protocol.md has it: one account with its mailbox, in chats
 * with others. What an update tells of a message is what it is by then. */

import type { Chat, Dialog, Message, Numbered, Problem, Update, User } from "../../src/contract";

export const ME = 100;
export const OTHERS = [101, 102] as const;
export const PRIVATE = `p${ME}-${OTHERS[0]}`;
export const GROUP = "g7";
export const GROUP2 = "g8";
const DIALOGS_PAGE = 1;

type Entry =
  | { kind: "message" | "edited"; chatId: string; id: number }
  | { kind: "said"; update: Update };

interface ModelChat {
  title: string;
  messages: Message[];
  changes: number;
  sends: Map<number, number>;
  /** Those that are there for me begin with this id, and end with that one. */
  firstId: number;
  leftId: number;
  photo: number;
  description: string;
}

interface Connection {
  push(frame: unknown): void;
  close(code: number): void;
  greeted: boolean;
}

interface Params {
  chat_id: string;
  ids: number[];
  user_ids: number[];
  random_id: number;
  text: string;
  album?: number;
  media?: string;
  pts: number;
  max_id: number;
  offset?: number;
  limit?: number;
  before_id?: number;
  after_id?: number;
}

class Refusal extends Error {
  constructor(readonly code: string) {
    super(code);
  }
}

export class ModelServer {
  pts = 0;
  private entries = new Map<number, Entry>();
  readonly chats = new Map<string, ModelChat>();
  readonly dialogs = new Map<string, Dialog>();
  readonly contacts = new Map<number, string>();
  readonly blocked = new Set<number>();
  readonly names = new Map<number, string>([[ME, "Me"], ...OTHERS.map((id): [number, string] => [id, `Other ${id}`])]);
  private readonly connections = new Map<number, Connection>();
  private number = 0;
  private date = 5_000;
  /** A difference has so many updates. */
  page = 3;
  loggedIn = true;
  me: number = ME;
  version = "1";
  /** Methods that are refused, and how. */
  readonly refusing = new Map<string, string>();
  readonly asked: string[] = [];
  readonly acks: number[] = [];
  /** Uploads are answered at once, or when `store` says so. */
  slow = false;
  readonly uploading: (() => void)[] = [];
  private files = 0;

  // --- what happens ------------------------------------------------------------------------------

  chat(chatId: string): ModelChat {
    let chat = this.chats.get(chatId);
    if (!chat) {
      chat = { title: "", messages: [], changes: 0, sends: new Map(), firstId: 1, leftId: 0, photo: 0, description: "" };
      this.chats.set(chatId, chat);
    }
    return chat;
  }

  /** Whether I have ever been there. */
  knows(chatId: string): boolean {
    return chatId.startsWith("p") || this.chat(chatId).messages.length > 0;
  }

  post(chatId: string, from: number, content: Partial<Message>, connection = 0): { id: number; pts: number } {
    const chat = this.chat(chatId);
    if (!this.knows(chatId) && content.action?.kind !== "member_added") return { id: 0, pts: 0 };
    if (chat.leftId && from === ME) return { id: 0, pts: 0 };
    const id = chat.messages.length + 1;
    const message: Message = { chat_id: chatId, id, from_id: from, date_ms: ++this.date, ...content };
    chat.messages.push(message);
    if (chat.leftId) return { id, pts: 0 };
    const { action } = message;
    if (action?.kind === "member_added" && action.user_id === ME) chat.firstId = id;
    const left = Boolean(action?.user_id === ME && ["member_left", "member_removed"].includes(action.kind));
    if (left) chat.leftId = id;
    const row = this.dialog(chatId);
    const unread = (row.unread ?? 0) + (from === ME ? 0 : 1);
    Object.assign(row, { top_id: id, top_date_ms: message.date_ms, top_pts: this.pts + 1, unread, left });
    const pts = this.record({ kind: "message", chatId, id }, connection);
    if (left) this.mark(chatId, "read_inbox", id);
    return { id, pts };
  }

  edit(chatId: string, id: number, text: string): void {
    const message = this.at(chatId, id);
    if (!message || message.deleted || message.action) return;
    const chat = this.chat(chatId);
    chat.messages[id - 1] = { ...message, text, edited_ms: ++this.date, revision: chat.messages.length + ++chat.changes };
    this.record({ kind: "edited", chatId, id });
  }

  remove(chatId: string, ids: readonly number[]): void {
    const there = ids.filter((id) => this.at(chatId, id) && !this.at(chatId, id)!.deleted && !this.at(chatId, id)!.action);
    if (!there.length) return;
    const chat = this.chat(chatId);
    const row = this.dialog(chatId);
    for (const id of there) {
      const { date_ms, from_id } = this.at(chatId, id)!;
      if (from_id !== ME && id > (row.read_inbox_id ?? 0)) row.unread = Math.max(0, (row.unread ?? 0) - 1);
      chat.changes++;
      chat.messages[id - 1] = { chat_id: chatId, id, from_id: 0, date_ms, deleted: true };
    }
    this.record({ kind: "said", update: { type: "messages_deleted", chat_id: chatId, ids: there, unread: row.unread ?? 0 } });
  }

  mark(chatId: string, kind: "read_inbox" | "read_outbox" | "delivered", maxId: number): void {
    const row = this.dialogs.get(chatId);
    if (!row) return;
    const user_id = OTHERS[0];
    const max_id = Math.min(maxId, row.top_id);
    if (kind === "read_inbox") {
      if (max_id <= (row.read_inbox_id ?? 0)) return;
      const left = this.chat(chatId).leftId;
      const unread = this.chat(chatId).messages.filter((one) => one.id > max_id && one.from_id !== ME && !one.deleted).length;
      Object.assign(row, { read_inbox_id: max_id, unread: left ? 0 : unread });
      this.record({ kind: "said", update: { type: "read_inbox", chat_id: chatId, max_id, unread: row.unread ?? 0 } });
    } else {
      const field = kind === "delivered" ? "delivered_id" : "read_outbox_id";
      if (max_id <= (row[field] ?? 0)) return;
      row[field] = max_id;
      this.record({ kind: "said", update: { type: kind, chat_id: chatId, max_id, user_id } });
    }
  }

  rename(chatId: string, title: string): void {
    if (!this.knows(chatId)) return;
    this.chat(chatId).title = title;
    this.post(chatId, OTHERS[0], { action: { kind: "renamed", text: title } });
  }

  setPhoto(chatId: string): void {
    if (!this.knows(chatId)) return;
    this.chat(chatId).photo++;
    this.post(chatId, OTHERS[0], { action: { kind: "photo_changed" } });
  }

  describe(chatId: string, description: string): void {
    const chat = this.chat(chatId);
    if (!this.knows(chatId) || chat.leftId) return;
    chat.description = description;
    this.record({ kind: "said", update: { type: "chat_described", chat_id: chatId, description } });
  }

  leave(chatId: string): void {
    if (this.chat(chatId).leftId || !this.chat(chatId).messages.length) return;
    this.post(chatId, ME, { action: { kind: "member_left", user_id: ME } });
  }

  enter(chatId: string): void {
    const chat = this.chat(chatId);
    if (!chat.leftId && chat.messages.length) return;
    if (!chat.messages.length) chat.title = `Group ${chatId}`;
    chat.leftId = 0;
    this.post(chatId, OTHERS[0], { action: { kind: "member_added", user_id: ME, text: chat.title } });
  }

  contact(userId: number, name: string | undefined, blocked: boolean): void {
    if (name === undefined) this.contacts.delete(userId);
    else this.contacts.set(userId, name);
    if (blocked) this.blocked.add(userId);
    else this.blocked.delete(userId);
    const update: Update = { type: "contact", user_id: userId, contact: name !== undefined, blocked, name: name ?? "" };
    this.record({ kind: "said", update });
  }

  rename_me(name: string): void {
    this.names.set(ME, name);
    this.record({ kind: "said", update: { type: "profile", user: this.user(ME) } });
  }

  /** The mailbox does not reach back any more. */
  forget(): void {
    this.entries.clear();
  }

  /** From a backup: numbers go on much higher, and the last messages are no more. */
  restore(lost: number): void {
    for (const [chatId, chat] of this.chats) {
      const row = this.dialogs.get(chatId);
      if (!row || chat.leftId || chat.messages.length - lost < Math.max(chat.firstId, 1)) continue;
      chat.messages.length -= lost;
      const top = chat.messages.at(-1)!;
      const marks = { read_inbox_id: 0, read_outbox_id: 0, delivered_id: 0 };
      const unread = chat.messages.filter((one) => one.id >= chat.firstId && one.from_id !== ME && !one.deleted).length;
      Object.assign(row, marks, { top_id: top.id, top_date_ms: top.date_ms, unread });
      for (const [randomId, id] of chat.sends) if (id > chat.messages.length) chat.sends.delete(randomId);
    }
    this.entries.clear();
    this.pts += 20_000;
    for (const connection of [...this.connections.values()]) connection.close(1001);
  }

  // --- connections -------------------------------------------------------------------------------

  connect(push: (frame: unknown) => void, close: (code: number) => void): number {
    this.connections.set(++this.number, { push, close, greeted: false });
    return this.number;
  }

  disconnect(number: number): void {
    this.connections.delete(number);
  }

  heard(number: number, frame: { id?: number; method?: string; params?: Params; ping?: number; ack?: number }): void {
    const connection = this.connections.get(number);
    if (!connection) return;
    if (frame.ping !== undefined) return connection.push({ pong: frame.ping });
    if (frame.ack !== undefined) return void this.acks.push(frame.ack);
    if (frame.method === "session.hello") {
      if (!this.loggedIn) {
        connection.push({ id: frame.id, error: problem("unauthorized") });
        return connection.close(4003);
      }
      connection.greeted = true;
      connection.push({ id: frame.id, result: { user_id: this.me, session_id: 1, pts: this.pts, heartbeat_s: 30 } });
      return;
    }
    try {
      connection.push({ id: frame.id, result: this.call(frame.method!, frame.params ?? ({} as Params), number) });
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      connection.push({ id: frame.id, error: problem(error.code) });
    }
  }

  /** Some of the uploads that wait, or all of them, are done. */
  store(from = 0, count = Infinity): void {
    for (const done of this.uploading.splice(from, count)) done();
  }

  private async upload(): Promise<Response> {
    if (this.slow) await new Promise<void>((done) => this.uploading.push(done));
    return Response.json({ ticket: `ticket ${++this.files}`, expires_ms: Number.MAX_SAFE_INTEGER, media: {} });
  }

  http(path: string, init: RequestInit): Response | Promise<Response> {
    if (path.startsWith("/media/upload?")) return this.upload();
    const method = path.replace("/api/", "");
    try {
      if (!this.loggedIn && !method.startsWith("help.")) throw new Refusal("unauthorized");
      return Response.json(this.call(method, JSON.parse(init.body as string) as Params, 0));
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      return Response.json(problem(error.code), { status: 400 });
    }
  }

  // --- methods -----------------------------------------------------------------------------------

  call(method: string, params: Params, connection: number): unknown {
    this.asked.push(method);
    const refused = this.refusing.get(method);
    if (refused) throw new Refusal(refused);
    switch (method) {
      case "help.config":
        return { version: this.version, ws_url: "", ws_fallback_path: "/ws", registration: "open", heartbeat_s: 30 };
      case "help.limits":
        return { limits: {} };
      case "users.me":
        return this.user(this.me);
      case "users.get":
        return { users: params.user_ids.map((id) => this.user(id)) };
      case "contacts.list":
        return { contacts: [...this.contacts].map(([user_id, name]) => ({ user_id, name })) };
      case "contacts.blocked":
        return { user_ids: [...this.blocked] };
      case "chats.dialogs": {
        const offset = params.offset ?? 0;
        const all = this.list();
        const end = offset + DIALOGS_PAGE;
        return { dialogs: all.slice(offset, end), next_offset: end < all.length ? end : 0, pts: this.pts };
      }
      case "chats.get":
        return this.chatOf(params.chat_id);
      case "updates.difference":
        return this.difference(params.pts);
      case "messages.history":
        return this.history(params);
      case "messages.get": {
        const ids = [...new Set(params.ids)].sort((a, b) => a - b);
        return { messages: ids.flatMap((id) => this.at(params.chat_id, id) ?? []), more: false };
      }
      case "messages.send":
        return this.send(params, connection);
      case "messages.read":
        this.mark(params.chat_id, "read_inbox", params.max_id);
        return { max_id: params.max_id, unread: this.dialogs.get(params.chat_id)?.unread ?? 0 };
      default:
        throw new Refusal("unknown_method");
    }
  }

  /** What a client shows that has just logged in. */
  list(): Dialog[] {
    return [...this.dialogs.values()]
      .sort((a, b) => (b.top_pts ?? 0) - (a.top_pts ?? 0))
      .map((row) => {
        const message = this.at(row.chat_id, row.top_id);
        const chat = this.chat(row.chat_id);
        const title = row.kind === "group" ? chat.title : this.names.get(OTHERS[0])!;
        const photo = row.kind === "group" && chat.photo && !chat.leftId ? { photo: photoOf(chat.photo) } : {};
        return { ...row, title: title, ...(message && { message }), ...photo };
      });
  }

  /** All that may be read of a chat. */
  readable(chatId: string): Message[] {
    const chat = this.chat(chatId);
    return chat.messages.filter((one) => one.id >= chat.firstId && (!chat.leftId || one.id <= chat.leftId));
  }

  user(id: number): User {
    return { id, username: `user${id}`, name: this.names.get(id)! };
  }

  private dialog(chatId: string): Dialog {
    let row = this.dialogs.get(chatId);
    if (!row) {
      const kind = chatId.startsWith("p") ? "private" : "group";
      row = { chat_id: chatId, kind, top_id: 0, top_date_ms: 0 };
      this.dialogs.set(chatId, row);
    }
    return row;
  }

  private at(chatId: string, id: number): Message | undefined {
    return this.readable(chatId).find((one) => one.id === id);
  }

  private chatOf(chatId: string): Chat {
    const chat = this.chat(chatId);
    if (chat.leftId || !chat.messages.length) throw new Refusal("chat_not_found");
    const kind = chatId.startsWith("p") ? "private" : "group";
    const photo = chat.photo ? { photo: photoOf(chat.photo) } : {};
    const { title, description } = chat;
    return { id: chatId, kind, title, description, created_ms: 1, last_id: chat.messages.length, members: [], ...photo };
  }

  private history(params: Params): { messages: Message[]; more: boolean } {
    const all = this.readable(params.chat_id);
    const limit = Math.min(params.limit ?? 100, 3);
    const { after_id: after, before_id: before } = params;
    if (after !== undefined) {
      const found = all.filter((one) => one.id > after);
      return { messages: found.slice(0, limit), more: found.length > limit };
    }
    const found = before ? all.filter((one) => one.id < before) : all;
    return { messages: found.slice(-limit), more: found.length > limit };
  }

  private send(params: Params, connection: number): unknown {
    const chatId: string = params.chat_id;
    const chat = this.chat(chatId);
    const randomId: number = params.random_id;
    const before = chat.sends.get(randomId);
    if (before !== undefined) return { chat_id: chatId, id: before, date_ms: chat.messages[before - 1]!.date_ms };
    if (chat.leftId) throw new Refusal("chat_not_found");
    const { text, album, media } = params;
    const content = { text, random_id: randomId, ...(album && { album }), ...(media && { media: photoOf(0) }) };
    const { id, pts } = this.post(chatId, ME, content, connection);
    chat.sends.set(randomId, id);
    return { chat_id: chatId, id, date_ms: chat.messages[id - 1]!.date_ms, pts };
  }

  // --- the mailbox -------------------------------------------------------------------------------

  private record(entry: Entry, except = 0): number {
    const pts = ++this.pts;
    this.entries.set(pts, entry);
    for (const [number, connection] of this.connections)
      if (connection.greeted && number !== except) connection.push({ pts, update: this.told(entry) });
    return pts;
  }

  private told(entry: Entry): Update {
    if (entry.kind === "said") return entry.update;
    const { chatId, id } = entry;
    const message = this.at(chatId, id) ?? { chat_id: chatId, id, from_id: 0, date_ms: 0 };
    return { type: entry.kind === "message" ? "message_new" : "message_edited", message };
  }

  private difference(pts: number): { kind: string; pts: number; updates: Numbered[] } {
    if (pts === this.pts) return { kind: "empty", pts, updates: [] };
    if (pts > this.pts || !this.entries.has(pts + 1)) return { kind: "too_long", pts: this.pts, updates: [] };
    const last = Math.min(this.pts, pts + this.page);
    const updates: Numbered[] = [];
    for (let next = pts + 1; next <= last; next++) {
      const entry = this.entries.get(next)!;
      const update = entry.kind === "said" && entry.update.type === "profile" ? { ...entry.update, user: this.user(ME) } : this.told(entry);
      updates.push({ pts: next, update });
    }
    return { kind: last === this.pts ? "full" : "slice", pts: last, updates };
  }
}

function photoOf(number: number) {
  return { kind: "photo" as const, file_id: `photo${number}`, size: 1, name: "", mime: "image/png" };
}

function problem(code: string): Problem {
  return { type: "about:blank", title: code, status: 400, code, detail: code };
}
