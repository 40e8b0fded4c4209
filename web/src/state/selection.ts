/** Several messages that are chosen, to do the same with all of them. */

import { type Accessor, createSignal } from "solid-js";

export interface Selection {
  ids: Accessor<ReadonlySet<number>>;
  /** Choosing is going on: a click chooses. */
  active: Accessor<boolean>;
  toggle(ids: readonly number[]): void;
  /** All of an order between the one chosen last and this one. */
  extend(id: number, order: readonly number[]): void;
  clear(): void;
}

/** `most`: how many one request may name. */
export function createSelection(most: number): Selection {
  const [ids, setIds] = createSignal<ReadonlySet<number>>(new Set());
  let last = 0;
  return {
    ids,
    active: () => ids().size > 0,
    toggle(toggled) {
      const chosen = new Set(ids());
      const all = toggled.every((id) => chosen.has(id));
      for (const id of toggled) {
        if (all) chosen.delete(id);
        else if (chosen.size < most) chosen.add(id);
      }
      last = toggled.at(-1) ?? last;
      setIds(chosen);
    },
    extend(id, order) {
      const [from, to] = [order.indexOf(last), order.indexOf(id)].sort((one, other) => one - other);
      const chosen = new Set(ids());
      const range = from === undefined || from < 0 ? [id] : order.slice(from, to! + 1);
      for (const one of range) if (chosen.size < most) chosen.add(one);
      last = id;
      setIds(chosen);
    },
    clear: () => setIds(new Set<number>()),
  };
}
