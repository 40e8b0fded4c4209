import type { Message } from "../contract";
import type { Engine } from "./engine";
import type { Env } from "./env";

const AT_ONCE = 4;
const WAITING_MAX = 4_000;

/** Files are kept by the browser for a year. When a message is deleted, or is not there to be read
 * any more, its addresses are asked for once more, past the cache: the refusal takes the place of
 * what was kept. Nobody waits for it, and what is too much is left to the browser. */
export class Evictor {
  private readonly waiting = new Set<string>();
  private going = 0;

  constructor(
    private readonly env: Env,
    engine: Engine,
  ) {
    engine.watchers.add((turn) => {
      for (const path of turn.erased.flatMap(addresses)) if (this.waiting.size < WAITING_MAX) this.waiting.add(path);
      this.next();
    });
  }

  private next(): void {
    for (const path of this.waiting) {
      if (this.going === AT_ONCE) return;
      this.going++;
      this.waiting.delete(path);
      const done = (): void => {
        this.going--;
        this.next();
      };
      this.env
        .fetch(path, { cache: "reload", credentials: "same-origin", priority: "low" })
        .then((response) => response.body?.cancel())
        .then(done, done);
    }
  }
}

function addresses({ chat_id, id, media }: Message): string[] {
  if (!media) return [];
  const file = `/media/file/${chat_id}/${id}/${media.file_id}`;
  return media.thumb ? [file, `/media/thumb/${chat_id}/${id}/${media.thumb.file_id}`] : [file];
}
