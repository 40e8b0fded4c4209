import "fake-indexeddb/auto";
import { IDBFactory } from "fake-indexeddb";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import type { Message } from "../../src/contract";
import { IndexedStore } from "../../src/worker/store/indexed";
import { MemoryStore } from "../../src/worker/store/memory";
import { openStore } from "../../src/worker/store/open";
import { type Change, Newer, Stale, type Store, TABLES } from "../../src/worker/store/store";

beforeEach(() => {
  globalThis.indexedDB = new IDBFactory();
});

const message = (chat_id: string, id: number, text = "text"): Message => ({ chat_id, id, from_id: 1, date_ms: id, text });
const put = (chat_id: string, id: number, text?: string): Change => ({ table: "messages", put: message(chat_id, id, text) });

const chat = fc.constantFrom("a", "ab", "b");
const id = fc.integer({ min: 1, max: 12 });
const change: fc.Arbitrary<Change> = fc.oneof(
  { weight: 8, arbitrary: fc.tuple(chat, id, fc.string({ maxLength: 2 })).map(([chat_id, number, text]) => put(chat_id, number, text)) },
  fc.tuple(chat, id).map(([chat_id, number]): Change => ({ table: "messages", remove: [chat_id, number] })),
  chat.map((chat_id): Change => ({ table: "messages", clear: chat_id })),
  fc.tuple(id, fc.string()).map(([number, name]): Change => ({ table: "users", put: { id: number, name, username: name } })),
  id.map((number): Change => ({ table: "users", remove: number })),
  fc.constantFrom<Change>({ empty: ["messages"] }, { empty: TABLES }),
);
const question = fc.tuple(chat, id, id, fc.integer({ min: 1, max: 5 }), fc.boolean());

test("in memory and in the browser it is the same", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.array(change, { maxLength: 6 }), { maxLength: 8 }), fc.array(question), async (commits, questions) => {
      globalThis.indexedDB = new IDBFactory();
      const indexed = await IndexedStore.open(1);
      const memory = new MemoryStore();
      for (const changes of commits) {
        await indexed.commit(changes);
        await memory.commit(changes);
      }
      const sorted = async (store: Store) => (await store.all("users")).sort((a, b) => a.id - b.id);
      expect(await sorted(memory)).toEqual(await sorted(indexed));
      for (const [chatId, start, end, limit, last] of questions) {
        expect(await memory.messages(chatId, start, end, limit, last)).toEqual(await indexed.messages(chatId, start, end, limit, last));
        const keys: [string, number][] = [[chatId, start], [chatId, end]];
        expect(await memory.messagesAt(keys)).toEqual(await indexed.messagesAt(keys));
      }
      indexed.close();
    }),
    { numRuns: 40 },
  );
});

describe("who led before", () => {
  test("writes nothing any more", async () => {
    const before = await IndexedStore.open(5);
    await before.commit([put("a", 1)]);
    const after = await IndexedStore.open(5);
    await expect(before.commit([put("a", 2), { table: "messages", remove: ["a", 1] }])).rejects.toBeInstanceOf(Stale);
    expect(await after.messages("a", 1, 9, 9, false)).toEqual([message("a", 1)]);
    await after.commit([put("a", 3)]);
  });

  test("neither after the database was deleted and begins again", async () => {
    const before = await IndexedStore.open(5);
    globalThis.indexedDB = new IDBFactory();
    const after = await IndexedStore.open(6);
    const again = before as unknown as { database: unknown };
    again.database = (after as unknown as { database: unknown }).database;
    await expect(before.commit([put("a", 2)])).rejects.toBeInstanceOf(Stale);
  });
});

test("a commit that fails has written nothing", async () => {
  const store = await IndexedStore.open(1);
  const bad = { table: "users", put: { id: 1, name: "name", username: () => undefined } } as unknown as Change;
  await expect(store.commit([put("a", 1), bad])).rejects.toThrow();
  expect(await store.messages("a", 1, 9, 9, false)).toEqual([]);
  await store.commit([put("a", 2)]);
});

describe("a store of another build", () => {
  const own: Change[] = [
    { table: "facts", put: { key: "account", value: { id: 1, username: "me", name: "Me" } } },
    { table: "facts", put: { key: "outboxKey", value: 7 } },
    { table: "drafts", put: { chat_id: "a", text: "draft", dateMs: 1 } },
    { table: "outbox", put: { key: 7, chat_id: "a", random_id: 1, text: "text", reply_to: 0, album: 0, date_ms: 1, state: "waiting" } },
  ];

  test("an older one is fetched anew, but for what only this browser has", async () => {
    const before = await IndexedStore.open(5, 1);
    await before.commit([...own, put("a", 1), { table: "facts", put: { key: "pts", value: 3 } }]);
    const after = await IndexedStore.open(5, 2);
    for (const table of ["facts", "drafts", "outbox"] as const) {
      const kept = own.flatMap((one) => ("put" in one && one.table === table ? [one.put] : []));
      expect(await after.all(table)).toEqual(kept);
    }
    expect(await after.all("messages")).toEqual([]);
    await after.commit([put("a", 2)]);
    await expect(before.commit([put("a", 3)])).rejects.toBeInstanceOf(Stale);
    await expect(before.all("drafts")).rejects.toBeInstanceOf(Stale);
  });

  test("a newer one is left alone", async () => {
    const newer = await IndexedStore.open(5, 2);
    await newer.commit([put("a", 1)]);
    await expect(IndexedStore.open(6, 1)).rejects.toBeInstanceOf(Newer);
    await newer.commit([put("a", 2)]);
    expect(await newer.messages("a", 1, 9, 9, false)).toHaveLength(2);
  });
});

describe("where it is kept", () => {
  const withLocks = (locks: unknown): void => void vi.stubGlobal("navigator", { locks });
  const keeping = async () => (await openStore(1)).keeping;
  afterEach(() => vi.unstubAllGlobals());

  test("in the browser", async () => {
    withLocks({});
    expect(await keeping()).toEqual({ state: "kept" });
  });

  test.each([
    ["insecure", false],
    ["missing", true],
  ])("in memory without locks: %s", async (why, isSecureContext) => {
    withLocks(undefined);
    vi.stubGlobal("isSecureContext", isSecureContext);
    expect(await keeping()).toEqual({ state: "memory", why });
  });

  test("in memory without IndexedDB", async () => {
    withLocks({});
    vi.stubGlobal("indexedDB", undefined);
    expect(await keeping()).toEqual({ state: "memory", why: "missing" });
  });

  test("in memory where it cannot be opened", async () => {
    withLocks({});
    vi.spyOn(indexedDB, "open").mockImplementation(() => {
      throw new DOMException("not here", "SecurityError");
    });
    expect(await keeping()).toEqual({ state: "memory", why: "failed" });
  });

  test("in memory where a newer build has written it", async () => {
    withLocks({});
    await IndexedStore.open(1, 1_000);
    expect(await keeping()).toEqual({ state: "memory", why: "newer" });
  });
});
