/** What is not a function of what came before: time, chance, the network. Tests bring their own. */
export interface Env {
  now(): number;
  /** From 0 to 1. */
  random(): number;
  /** Returns what calls it off. */
  after(ms: number, what: () => void): () => void;
  fetch(path: string, init: RequestInit): Promise<Response>;
  open(url: string): WebSocket;
  /** Of the page: scheme, name and port. */
  origin: URL;
}

export function browserEnv(): Env {
  return {
    now: () => Date.now(),
    random: () => Math.random(),
    after: (ms, what) => {
      const timer = setTimeout(what, ms);
      return () => clearTimeout(timer);
    },
    fetch: (path, init) => fetch(path, init),
    open: (url) => new WebSocket(url),
    origin: new URL(location.origin),
  };
}

export function pause(env: Env, ms: number): Promise<void> {
  return new Promise((done) => env.after(ms, done));
}

/** From 1 to 2⁵³ − 1. */
export function randomId(env: Env): number {
  return 1 + Math.floor(env.random() * (Number.MAX_SAFE_INTEGER - 1));
}
