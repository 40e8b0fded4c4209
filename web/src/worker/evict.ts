import type { Message } from "../contract";
import type { Engine } from "./engine";
import type { Env } from "./env";

/** Files are kept by the browser for a year. When a message is deleted, its addresses are asked for
 * once more, past the cache: the refusal takes the place of what was kept. */
export class Evictor {
  constructor(env: Env, engine: Engine) {
    engine.watchers.add((turn) => {
      for (const path of turn.erased.flatMap(addresses))
        env.fetch(path, { cache: "reload", credentials: "same-origin" }).then(
          (response) => response.body?.cancel(),
          () => undefined,
        );
    });
  }
}

function addresses({ chat_id, id, media }: Message): string[] {
  if (!media) return [];
  const file = `/media/file/${chat_id}/${id}/${media.file_id}`;
  return media.thumb ? [file, `/media/thumb/${chat_id}/${id}/${media.thumb.file_id}`] : [file];
}
