/** Rows that keep their elements: one signal for each key, changed only where the row changed. */

import { type Accessor, createMemo, createSignal } from "solid-js";

/** A row of a list: the same object as long as its key is there. */
export interface Keyed<T> {
  key: string;
  value: Accessor<T>;
}

/** For `<For>`: it moves rows by identity, and their content is told by a signal. */
export function keyed<T extends { key: string }>(
  list: Accessor<readonly T[]>,
  same: (one: T, other: T) => boolean = Object.is,
): Accessor<Keyed<T>[]> {
  let rows = new Map<string, Keyed<T> & { set: (value: T) => void }>();
  return createMemo(() => {
    const kept: typeof rows = new Map();
    for (const value of list()) {
      const row = rows.get(value.key);
      if (row) {
        row.set(value);
        kept.set(value.key, row);
      } else if (!kept.has(value.key)) {
        const [get, set] = createSignal(value, { equals: same });
        kept.set(value.key, { key: value.key, value: get, set: (next) => set(() => next) });
      }
    }
    rows = kept;
    return [...rows.values()];
  });
}
