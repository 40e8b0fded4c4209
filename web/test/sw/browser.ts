/** What the service worker uses of a browser, in memory: caches, and a server that has builds. */

import type { Around } from "../../src/sw/shell";

export const ORIGIN = "https://chat.example";

function addressOf(request: RequestInfo): string {
  return new URL(typeof request === "string" ? request : request.url, ORIGIN).href;
}

class MemoryCache implements Pick<Cache, "match" | "put" | "delete"> {
  readonly #kept = new Map<string, Response>();

  async match(request: RequestInfo): Promise<Response | undefined> {
    return this.#kept.get(addressOf(request))?.clone();
  }

  async put(request: RequestInfo, response: Response): Promise<void> {
    this.#kept.set(addressOf(request), response);
  }

  async delete(request: RequestInfo): Promise<boolean> {
    return this.#kept.delete(addressOf(request));
  }
}

class MemoryCaches implements Pick<CacheStorage, "open" | "match" | "keys" | "delete"> {
  readonly #caches = new Map<string, MemoryCache>();

  async open(name: string): Promise<Cache> {
    const cache = this.#caches.get(name) ?? new MemoryCache();
    this.#caches.set(name, cache);
    return cache as unknown as Cache;
  }

  async match(request: RequestInfo): Promise<Response | undefined> {
    for (const cache of this.#caches.values()) {
      const found = await cache.match(request);
      if (found !== undefined) return found;
    }
    return undefined;
  }

  async keys(): Promise<string[]> {
    return [...this.#caches.keys()];
  }

  async delete(name: string): Promise<boolean> {
    return this.#caches.delete(name);
  }
}

export class Browser implements Around {
  readonly caches = new MemoryCaches() as unknown as CacheStorage;
  /** What the server has, by path; null: it does not answer. */
  server: Record<string, string> | null = {};
  asked: string[] = [];
  locks: string[] = [];
  followed = false;

  async fetch(request: RequestInfo): Promise<Response> {
    if (this.server === null) throw new TypeError("no connection");
    const path = new URL(addressOf(request)).pathname;
    this.asked.push(path);
    const text = this.server[path];
    return text === undefined ? new Response("", { status: 404 }) : new Response(text);
  }

  async held(): Promise<string[]> {
    return this.locks;
  }

  isFollowed(): boolean {
    return this.followed;
  }
}
