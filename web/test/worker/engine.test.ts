import "fake-indexeddb/auto";
import { expect, test, vi } from "vitest";
import { Engine } from "../../src/worker/engine";
import { IndexedStore } from "../../src/worker/store/indexed";
import type { Told } from "../../src/worker/sync/tells";

const CHAT = "p1-2";

async function begun() {
  const store = await IndexedStore.open(1);
  const notices: unknown[] = [];
  const tell = (told: Told[]): void => void notices.push(...told.map((one) => one.notice).filter((one) => one.kind === "keeping"));
  const engine = new Engine(store, { state: "kept" }, { tell, stale: () => expect.unreachable() });
  const write = (text: string) => engine.turn((turn) => turn.put("drafts", { chat_id: CHAT, text, dateMs: 1 }));
  const hold = (id: number) =>
    engine.turn((turn) => {
      turn.putMessage({ chat_id: CHAT, id, from_id: 1, date_ms: 1 });
      turn.put("slices", { chat_id: CHAT, slices: [{ start: 1, end: id }] });
    });
  const held = async () => (await engine.messages(CHAT, 1, 9, 9, false)).map((one) => one.id);
  return { store, engine, notices, write, hold, held };
}

const BROKEN = [
  ["full", new DOMException("no room", "QuotaExceededError")],
  ["failed", new DOMException("gone", "InvalidStateError")],
] as const;

test.each(BROKEN)("where the browser's store is %s when it is written, it goes on in memory, and says so", async (why, error) => {
  const { store, engine, notices, write, hold, held } = await begun();
  await write("before");
  await hold(1);
  vi.spyOn(store, "commit").mockRejectedValue(error);
  await hold(2);
  expect(engine.keeping).toEqual({ state: "memory", why });
  expect(notices).toEqual([{ kind: "keeping", keeping: engine.keeping }]);
  // Of a history that is not in memory it is not said that it is held.
  expect([await held(), engine.known.get("slices", CHAT)]).toEqual([[2], undefined]);
  await write("after");
  await hold(3);
  expect(engine.known.get("drafts", CHAT)?.text).toBe("after");
  expect(await held()).toEqual([2, 3]);
});

test("where the browser's store cannot be read it goes on in memory, with all that is known but histories", async () => {
  const { store, engine, notices, write, hold, held } = await begun();
  await write("before");
  await hold(1);
  vi.spyOn(store, "messages").mockRejectedValue(new DOMException("gone", "InvalidStateError"));
  expect(await held()).toEqual([]);
  expect(notices).toHaveLength(1);
  expect(engine.known.get("slices", CHAT)).toBeUndefined();
  expect(engine.known.get("drafts", CHAT)?.text).toBe("before");
});
