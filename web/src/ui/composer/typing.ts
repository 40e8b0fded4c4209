/** Tells the others that somebody writes: now and then, not with every key. */

import { ask } from "../../state/bridge";

/** Shorter than what the server believes it for (`typing_s`), so that it does not flicker. */
const EVERY_MS = 4000;

export function typingNotices(chatId: string, now: () => number = Date.now): () => void {
  let last = -Infinity;
  return () => {
    if (now() - last < EVERY_MS) return;
    last = now();
    ask("typing", { chatId }).catch(() => undefined);
  };
}
