import type { Message } from "../../contract";
import { type Change, type Key, type Store, TABLES, type TableName, type Tables, keyOf } from "./store";

/** The messages of a chat; none has a higher id than `lastId`. */
class Chat extends Map<number, Message> {
  lastId = 0;

  override set(id: number, message: Message): this {
    this.lastId = Math.max(this.lastId ?? 0, id);
    return super.set(id, message);
  }
}

/** The same as `IndexedStore`, as long as the tab is open. */
export class MemoryStore implements Store {
  private readonly tables = new Map<TableName, Map<Key, unknown>>();
  private readonly chats = new Map<string, Chat>();

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
    const [first, final] = [Math.max(start, 1), Math.min(end, chat.lastId)];
    // Ids have no holes, so it is not far to go.
    for (let at = 0; at <= final - first && found.length < limit; at++) {
      const message = chat.get(last ? final - at : first + at);
      if (message) found.push(message);
    }
    return last ? found.reverse() : found;
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
      if (!chat) this.chats.set(chatId, (chat = new Chat()));
      if ("put" in change) chat.set(id, change.put);
      else chat.delete(id);
    } else {
      const table = this.tables.get(change.table)!;
      if ("put" in change) table.set(keyOf(change.table, change.put), change.put);
      else table.delete(change.remove);
    }
  }
}
