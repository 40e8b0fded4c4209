import type { Message } from "../../contract";
import { type Change, type Key, type Store, TABLES, type TableName, type Tables, keyOf } from "./store";

/** The same as `IndexedStore`, as long as the tab is open. */
export class MemoryStore implements Store {
  private readonly tables = new Map<TableName, Map<Key, unknown>>();
  private readonly chats = new Map<string, Map<number, Message>>();

  constructor() {
    for (const name of TABLES) this.tables.set(name, new Map());
  }

  async all<T extends TableName>(table: T): Promise<Tables[T][]> {
    if (table === "messages") return [...this.chats.values()].flatMap((chat) => [...chat.values()]) as Tables[T][];
    return [...this.tables.get(table)!.values()] as Tables[T][];
  }

  async messagesAt(keys: readonly [string, number][]): Promise<(Message | undefined)[]> {
    return keys.map(([chatId, id]) => this.chats.get(chatId)?.get(id));
  }

  async messages(chatId: string, start: number, end: number, limit: number, last: boolean): Promise<Message[]> {
    const found: Message[] = [];
    const chat = this.chats.get(chatId);
    if (!chat) return found;
    for (const id of [...chat.keys()].filter((id) => id >= start && id <= end).sort((a, b) => a - b))
      found.push(chat.get(id)!);
    return last ? found.slice(-limit) : found.slice(0, limit);
  }

  async commit(changes: readonly Change[]): Promise<void> {
    for (const change of changes) this.apply(change);
  }

  close(): void {}

  private apply(change: Change): void {
    if ("empty" in change) {
      for (const table of change.empty) this.tables.get(table)!.clear();
      if (change.empty.includes("messages")) this.chats.clear();
    } else if ("clear" in change) this.chats.delete(change.clear);
    else if (change.table === "messages") {
      const [chatId, id] = "put" in change ? [change.put.chat_id, change.put.id] : (change.remove as [string, number]);
      let chat = this.chats.get(chatId);
      if (!chat) this.chats.set(chatId, (chat = new Map()));
      if ("put" in change) chat.set(id, change.put);
      else chat.delete(id);
    } else {
      const table = this.tables.get(change.table)!;
      if ("put" in change) table.set(keyOf(change.table, change.put), change.put);
      else table.delete(change.remove);
    }
  }
}
