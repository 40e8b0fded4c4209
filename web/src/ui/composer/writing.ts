/** What is being written in an open chat, and kept as its draft; also when somebody has gone away since. */

import { type Accessor, createSignal, onCleanup } from "solid-js";
import { drafts } from "../../state/drafts";
import { type Act, type Composition, draftOf, EMPTY, next, sendable } from "./composition";

/** Edits that somebody went away from, by account and chat, as long as the page is open. */
const unfinished = new Map<string, Composition>();

export interface Writing {
  composition: Accessor<Composition>;
  act(what: Act): void;
  /** An edit was carried out: it ends, unless more was written in it since. */
  edited(id: number, text: string): void;
  /** What could not be sent comes before what was written since. */
  giveBack(text: string, replyTo: number): void;
  /** Its composer is gone: another chat is open. */
  gone(): boolean;
}

export function createWriting(meId: number, chatId: string): Writing {
  const store = drafts(meId);
  const editKey = `${meId}/${chatId}`;
  const kept = (): Composition => draftOf({ ...EMPTY, ...store.of(chatId) });
  const begun = unfinished.get(editKey);
  unfinished.delete(editKey);
  const [composition, setComposition] = createSignal(begun ? next(begun, { type: "told", draft: kept() }) : kept());
  let gone = false;

  const act = (what: Act) => {
    // Who went away may have come back, and have another composer: what is written is in the store.
    const now = next(gone ? kept() : composition(), what);
    const { text, replyTo } = draftOf(now);
    if (gone) return store.give(chatId, text, replyTo);
    setComposition(now);
    store.put(chatId, text, replyTo);
  };

  // Found in the store, or written in another tab.
  onCleanup(
    store.listen((id, draft) => {
      if (id !== chatId) return;
      const { text, replyTo } = { ...EMPTY, ...draft };
      setComposition((now) => next(now, { type: "told", draft: { text, replyTo } }));
    }),
  );
  onCleanup(() => {
    gone = true;
    store.flush();
    const now = composition();
    if (now.editing && sendable(now)) unfinished.set(editKey, now);
  });

  return {
    composition,
    act,
    edited(id, text) {
      const now = gone ? unfinished.get(editKey) : composition();
      if (now?.editing?.id !== id || now.text.trim() !== text) return;
      if (gone) unfinished.delete(editKey);
      else act({ type: "leave" });
    },
    giveBack(text, replyTo) {
      const since = store.of(chatId)?.text ?? "";
      store.give(chatId, [text, since].filter(Boolean).join("\n\n"), replyTo);
    },
    gone: () => gone,
  };
}
