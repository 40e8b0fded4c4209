import { type DBSchema, type IDBPDatabase, type IDBPTransaction, openDB } from "idb";
import { PROTOCOL } from "../../bridge/protocol";
import type { Message } from "../../contract";
import { type Change, type Facts, KEY_PATHS, Newer, Stale, type Store, TABLES, type TableName, type Tables } from "./store";

const NAME = "heliograph";
/** What only this browser has, and whose it is. A build that changes the shape of these rows has to
 * convert them. */
const OWN: readonly TableName[] = ["outbox", "drafts"];
const OWN_FACTS: readonly (keyof Facts)[] = ["account", "outboxKey"];

interface Schema extends DBSchema {
  lead: { key: string; value: number };
  rows: { key: IDBValidKey; value: unknown };
}

type Database = IDBPDatabase<Schema>;
type Upgrade = IDBPTransaction<Schema, ("lead" | "rows")[], "versionchange">;

/** Rows in the browser's IndexedDB. */
export class IndexedStore implements Store {
  private constructor(
    private readonly database: Database,
    private readonly epoch: number,
    private readonly taken: AbortSignal,
  ) {}

  /** Opens it and takes the lead: whoever had it before writes nothing any more. Raises `Newer`. */
  static async open(nowMs: number, version = PROTOCOL): Promise<IndexedStore> {
    const taken = new AbortController();
    const db = await openDB<Schema>(NAME, version, {
      upgrade: (database, before, _, tx) => (before ? renew(database, tx) : create(database)),
      // A newer build opens it, or it is deleted.
      blocking: (_current, _blocked, event) => {
        taken.abort();
        (event.target as IDBDatabase).close();
      },
    }).catch((error: unknown) => {
      throw error instanceof DOMException && error.name === "VersionError" ? new Newer() : error;
    });
    const tx = db.transaction("lead", "readwrite");
    // Later than any before, also where the database had been deleted and begins again.
    const epoch = Math.max(nowMs, ((await tx.store.get("epoch")) ?? 0) + 1);
    await tx.store.put(epoch, "epoch");
    await tx.done;
    return new IndexedStore(db, epoch, taken.signal);
  }

  private get db(): Database {
    if (this.taken.aborted) throw new Stale();
    return this.database;
  }

  async all<T extends TableName>(table: T): Promise<Tables[T][]> {
    return this.db.getAll(table as "rows") as Promise<Tables[T][]>;
  }

  async messagesAt(keys: readonly [string, number][]): Promise<(Message | undefined)[]> {
    if (!keys.length) return [];
    const store = this.db.transaction("messages" as "rows").store;
    return Promise.all(keys.map((key) => store.get(key))) as Promise<(Message | undefined)[]>;
  }

  async messages(chatId: string, start: number, end: number, limit: number, last: boolean): Promise<Message[]> {
    if (start > end || limit <= 0) return [];
    const range = IDBKeyRange.bound([chatId, start], [chatId, end]);
    if (!last) return (await this.db.getAll("messages" as "rows", range, limit)) as Message[];
    const store = this.db.transaction("messages" as "rows").store;
    // Ids have no holes, so this is nearly always all; otherwise by a cursor.
    const narrow = IDBKeyRange.bound([chatId, Math.max(start, end - limit + 1)], [chatId, end]);
    const found = (await store.getAll(narrow)) as Message[];
    if (found.length === limit || end - limit + 1 <= start) return found;
    const all: Message[] = [];
    for (let cursor = await store.openCursor(range, "prev"); cursor; cursor = await cursor.continue()) {
      all.push(cursor.value as Message);
      if (all.length === limit) break;
    }
    return all.reverse();
  }

  async commit(changes: readonly Change[]): Promise<void> {
    const tables = new Set<string>(["lead"]);
    for (const change of changes)
      for (const table of "empty" in change ? change.empty : [change.table]) tables.add(table);
    const tx = this.db.transaction([...tables] as ("lead" | "rows")[], "readwrite");
    const epoch = await tx.objectStore("lead").get("epoch");
    if (epoch !== this.epoch) {
      tx.abort();
      await tx.done.catch(() => undefined);
      throw new Stale();
    }
    const done: Promise<unknown>[] = [];
    const store = (table: TableName) => tx.objectStore(table as "rows");
    try {
      for (const change of changes)
        if ("empty" in change) for (const table of change.empty) done.push(store(table).clear());
        else if ("clear" in change)
          done.push(store("messages").delete(IDBKeyRange.bound([change.clear], [change.clear, []])));
        else if ("put" in change) done.push(store(change.table).put(change.put));
        else done.push(store(change.table).delete(change.remove));
    } catch (error) {
      tx.abort();
      done.push(Promise.reject(error as Error));
    }
    // Every one is awaited, so that none is refused unheard.
    const failed = (await Promise.allSettled([...done, tx.done])).find((one) => one.status === "rejected");
    if (failed) throw failed.reason;
  }

  close(): void {
    this.database.close();
  }
}

/** What is missing. */
function create(database: Database): void {
  const there = database.objectStoreNames;
  if (!there.contains("lead")) database.createObjectStore("lead");
  for (const table of TABLES)
    if (!there.contains(table as "rows")) database.createObjectStore(table as "rows", { keyPath: KEY_PATHS[table] });
}

/** Rows of another build may have another shape: they are thrown away, and fetched anew. */
async function renew(database: Database, tx: Upgrade): Promise<void> {
  const before = tx.objectStore("facts" as "rows");
  const facts = await Promise.all(OWN_FACTS.map((key) => before.get(key)));
  for (const name of [...database.objectStoreNames])
    if (name !== "lead" && !OWN.includes(name as TableName)) database.deleteObjectStore(name);
  create(database);
  const store = tx.objectStore("facts" as "rows");
  for (const fact of facts) if (fact !== undefined) await store.put(fact);
}
