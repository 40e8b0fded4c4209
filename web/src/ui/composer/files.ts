/** Files that were chosen for a chat. A dialog shows them before they are sent; it is a place of the route. */

import { type Accessor, createEffect, createMemo, on, untrack } from "solid-js";
import { t } from "../../i18n";
import { openChat, openOverlay, route } from "../../state/route";
import { told } from "../../state/toasts";
import { keepUnsent, unsent } from "../../state/unsent";

export interface Chosen {
  files: Accessor<readonly File[]>;
  some: Accessor<boolean>;
  /** Their dialog is open. */
  shown: Accessor<boolean>;
  add(files: readonly File[]): void;
  clear(): void;
}

/** `left`: the dialog is gone, and they are not sent. */
export function createChosen(chatId: string, left: () => void): Chosen {
  const files = () => unsent(chatId).files;
  const put = (all: readonly File[]) => keepUnsent(chatId, { files: all });
  const some = createMemo(() => files().length > 0);
  const open = createMemo(() => route().overlay?.kind === "attach");

  const leave = () => {
    const all = files();
    if (all.length === 0) return;
    put([]);
    left();
    told(t.chat.filesDropped(all.length), () => {
      put(all);
      if (route().chatId !== chatId) openChat(chatId);
    });
  };
  createEffect(() => some() && !untrack(open) && openOverlay({ kind: "attach" }));
  createEffect(on(open, (is) => is || leave(), { defer: true }));

  return {
    files,
    some,
    shown: () => some() && open(),
    add: (added) => put([...files(), ...added]),
    clear: () => put([]),
  };
}
