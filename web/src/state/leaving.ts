/**
 * What has to outlive a page that is being left. The worker may end before it reads what it is
 * told then, so it is written down at once where the next page finds it.
 */

const PREFIX = "heliograph.left.";

/** Calls back whenever this may be the last moment. Returns what ends it. */
export function onLeave(leave: () => void): () => void {
  const hidden = () => {
    if (document.visibilityState === "hidden") leave();
  };
  document.addEventListener("visibilitychange", hidden);
  addEventListener("pagehide", leave);
  return () => {
    document.removeEventListener("visibilitychange", hidden);
    removeEventListener("pagehide", leave);
  };
}

/** What an account left, by a name; taken back it is gone. Storage may be forbidden or full. */
export interface Leftover<T> {
  put(value: T): void;
  take(): T | undefined;
}

export function leftover<T>(name: string, accountId: number): Leftover<T> {
  const key = `${PREFIX}${name}.${accountId}`;
  return {
    put(value) {
      try {
        localStorage.setItem(key, JSON.stringify(value));
      } catch {
        // The worker was told too: this was the second way.
      }
    },
    take() {
      try {
        const left = localStorage.getItem(key);
        localStorage.removeItem(key);
        return left === null ? undefined : (JSON.parse(left) as T);
      } catch {
        return undefined;
      }
    },
  };
}
