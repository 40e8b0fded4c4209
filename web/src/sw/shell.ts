/**
 * What the service worker keeps: the page and all files of its build, so that the client opens
 * without a connection, and so that a page that is open goes on when the server has a newer build.
 *
 * Each build has a cache of its own, which is filled before the build takes over and stays as long
 * as a page of that build is open: pages hold a lock with its name (`register.ts`).
 */

import { isPage } from "./paths";

export interface Build {
  name: string;
  /** Paths; `/` is the page. */
  files: string[];
}

/** What is around it in the browser, and stands in for it in tests. */
export interface Around {
  caches: CacheStorage;
  fetch(request: RequestInfo, init?: RequestInit): Promise<Response>;
  /** Names of the locks that pages hold. */
  held(): Promise<string[]>;
  /** Whether another build is being kept, or waits to take over: no page holds its lock yet. */
  isFollowed(): boolean;
}

export const CACHE = "heliograph-build-";

/** Their answers carry a content policy, which names addresses that an operator may change. */
const WITH_POLICY = /^\/(?:$|assets\/worker-)/;

export class Shell {
  readonly #cache: string;
  readonly #files: ReadonlySet<string>;

  constructor(
    readonly build: Build,
    readonly around: Around,
  ) {
    this.#cache = CACHE + build.name;
    this.#files = new Set(build.files);
  }

  /** All or nothing: a build of which a file is missing does not take over. */
  async install(): Promise<void> {
    const { caches } = this.around;
    const cache = await caches.open(this.#cache);
    try {
      await Promise.all(this.build.files.map(async (path) => cache.put(path, await this.#get(path))));
    } catch (error) {
      await caches.delete(this.#cache);
      throw error;
    }
  }

  /** The same files as the server gives them out now, if it still has this build. */
  async refresh(): Promise<void> {
    const paths = this.build.files.filter((path) => WITH_POLICY.test(path));
    const cache = await this.around.caches.open(this.#cache);
    const got = await Promise.all(paths.map(async (path) => [path, await this.#get(path)] as const));
    await Promise.all(got.map(([path, response]) => cache.put(path, response)));
  }

  /** A file whose name has its hash is taken from an earlier build that has it. */
  async #get(path: string): Promise<Response> {
    const lasting = path.startsWith("/assets/") && !WITH_POLICY.test(path);
    const had = lasting ? await this.around.caches.match(path) : undefined;
    if (had !== undefined) return had;
    const got = await this.around.fetch(path, { cache: lasting ? "default" : "no-cache" });
    if (!got.ok || got.redirected) throw new Error(`${path}: ${got.status}`);
    // The server may have been upgraded since it gave out this service worker.
    if (path === "/" && !(await got.clone().text()).includes(this.build.name)) {
      throw new Error("the page is of another build");
    }
    return got;
  }

  /** Removes builds that no page uses any more. */
  async clean(): Promise<void> {
    if (this.around.isFollowed()) return;
    const held = new Set(await this.around.held());
    for (const name of await this.around.caches.keys()) {
      if (name.startsWith(CACHE) && name !== this.#cache && !held.has(name)) {
        await this.around.caches.delete(name);
      }
    }
  }

  /** Nothing: the request is none of its business (the API, files, live connections), and goes on
   * as if it were not there. */
  answer(request: Request, origin: string): Promise<Response> | undefined {
    const url = new URL(request.url);
    if (request.method !== "GET" || url.origin !== origin) return undefined;
    if (request.mode === "navigate") {
      return isPage(url.pathname) ? this.#own("/", request) : undefined;
    }
    if (url.pathname.startsWith("/assets/")) return this.#asset(request, url.pathname);
    // The page asks for itself to see what the server has now.
    const kept = url.pathname !== "/" && this.#files.has(url.pathname);
    return kept ? this.#own(url.pathname, request) : undefined;
  }

  async #own(path: string, request: Request): Promise<Response> {
    const cache = await this.around.caches.open(this.#cache);
    return (await cache.match(path)) ?? this.around.fetch(request);
  }

  /** Of any build: pages of earlier ones are open. */
  async #asset(request: Request, path: string): Promise<Response> {
    const kept = await this.around.caches.match(path);
    if (kept !== undefined) return kept;
    const got = await this.around.fetch(request);
    if (!this.#files.has(path)) return got;
    // The browser has thrown away a part of this build.
    const cache = await this.around.caches.open(this.#cache);
    if (got.ok) await cache.put(path, got.clone());
    // The server has another: so the page is asked of it next time, or would never open again.
    else await cache.delete("/");
    return got;
  }
}
