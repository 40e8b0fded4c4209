import { createMemo, Index } from "solid-js";
import { albumRows } from "../../media/size";
import type { Entry } from "../rows";
import { PictureTile } from "./picture";

const WIDTH = 420;

/** Pictures and videos that belong together, as rows of tiles. */
export function Album(props: { entries: readonly Entry[]; meta: boolean }) {
  const rows = createMemo(() => {
    let from = 0;
    return albumRows(props.entries.length).map((count) => props.entries.slice(from, (from += count)));
  });
  return (
    <div class="album">
      <Index each={rows()}>
        {(row) => (
          <div class="album-row" data-count={row().length}>
            <Index each={row()}>
              {(entry) => (
                <PictureTile
                  entry={entry()}
                  width={WIDTH / row().length}
                  meta={props.meta && entry() === props.entries.at(-1)}
                />
              )}
            </Index>
          </div>
        )}
      </Index>
    </div>
  );
}
