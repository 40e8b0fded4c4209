/**
 * Deleting with a way back: messages are hidden at once, and deleted when the time to change one's
 * mind is over, or when the page is hidden or left.
 */

import { createSignal } from "solid-js";
import { ask } from "./bridge";
import { leftover } from "./leaving";
import { later } from "./toasts";

/** Most ids of one request of the server (`messages_per_request_max`). */
const IDS_MAX = 100;

interface Removal {
  chatId: string;
  ids: readonly number[];
  forAll: boolean;
}

export interface Removals {
  /** Hidden, because it is going to be deleted. */
  hidden(chatId: string, id: number): boolean;
  /** `text`: what is told, with a button to undo it. */
  remove(removal: Removal, text: string): void;
}

let current: { accountId: number; removals: Removals } | undefined;

/** Those of the account; what an earlier page has left over is carried out with the first call. */
export function removalsOf(accountId: number): Removals {
  if (current?.accountId !== accountId) current = { accountId, removals: createRemovals(accountId) };
  return current.removals;
}

export function createRemovals(accountId: number): Removals {
  const [hidden, setHidden] = createSignal<ReadonlySet<string>>(new Set());
  // The page may be gone before the worker has read what it is asked: the next page does it.
  const left = leftover<Removal[]>("removals", accountId);
  const running = new Set<Removal>();
  const names = ({ chatId, ids }: Removal) => ids.map((id) => `${chatId}/${id}`);

  const show = (removal: Removal) => {
    const gone = new Set(names(removal));
    setHidden((all) => new Set([...all].filter((name) => !gone.has(name))));
  };

  const carryOut = async (removal: Removal): Promise<void> => {
    running.add(removal);
    left.put([...running]);
    try {
      for (let from = 0; from < removal.ids.length; from += IDS_MAX) {
        await ask("remove", { ...removal, ids: removal.ids.slice(from, from + IDS_MAX) });
      }
    } finally {
      running.delete(removal);
      if (running.size > 0) left.put([...running]);
      else left.take();
      show(removal);
    }
  };

  for (const removal of left.take() ?? []) carryOut(removal).catch(() => undefined);

  return {
    hidden: (chatId, id) => hidden().size > 0 && hidden().has(`${chatId}/${id}`),
    remove(removal, text) {
      setHidden((all) => new Set([...all, ...names(removal)]));
      later(text, () => carryOut(removal), () => show(removal));
    },
  };
}
