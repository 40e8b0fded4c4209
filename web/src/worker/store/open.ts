import type { Keeping } from "../../bridge/protocol";
import { IndexedStore } from "./indexed";
import { MemoryStore } from "./memory";
import { Newer, type Store } from "./store";

export interface Opened {
  store: Store;
  keeping: Keeping;
}

/** The browser's store, or memory, and why. */
export async function openStore(nowMs: number): Promise<Opened> {
  const inMemory = (why: "insecure" | "missing" | "failed" | "newer"): Opened => ({
    store: new MemoryStore(),
    keeping: { state: "memory", why },
  });
  if (!globalThis.navigator?.locks) return inMemory(globalThis.isSecureContext ? "missing" : "insecure");
  if (!globalThis.indexedDB) return inMemory("missing");
  try {
    return { store: await IndexedStore.open(nowMs), keeping: { state: "kept" } };
  } catch (error) {
    return inMemory(error instanceof Newer ? "newer" : "failed");
  }
}
