import "fake-indexeddb/auto";
import { IDBFactory } from "fake-indexeddb";
import fc from "fast-check";
import { beforeEach, describe, expect, test } from "vitest";
import type { Message } from "../../src/contract";
import { IndexedStore } from "../../src/worker/store/indexed";
import { MemoryStore } from "../../src/worker/store/memory";
import { type Change, Stale, type Store, TABLES } from "../../src/worker/store/store";

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
    const again = before as unknown as { db: unknown };
    again.db = (after as unknown as { db: unknown }).db;
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
