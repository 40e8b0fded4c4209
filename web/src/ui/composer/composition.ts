/**
 * What is being written: a draft, or an edit that lies on top of it. Pure. Whatever happens during
 * an edit, the draft below is untouched and comes back exactly.
 */

import { written } from "../base/written";

/** `replyTo`: 0 for none. */
export interface Written {
  text: string;
  replyTo: number;
}

export interface Composition extends Written {
  editing?: { id: number; original: string; before: Written };
}

export type Act =
  | { type: "type"; text: string }
  | { type: "reply"; id: number }
  | { type: "edit"; id: number; text: string }
  /** The edit is over, carried out or not. */
  | { type: "leave" }
  /** The draft was sent. */
  | { type: "sent" }
  /** The draft is so now, also below an edit: it was kept, or written in another tab, or as a caption. */
  | { type: "told"; draft: Written };

export const EMPTY: Composition = { text: "", replyTo: 0 };

/** What is kept as the draft of the chat: never the text of an edit. */
export function draftOf(composition: Composition): Written {
  const { text, replyTo } = composition.editing?.before ?? composition;
  return { text, replyTo };
}

/** Whether there is something to be sent or saved. */
export function sendable(composition: Composition): boolean {
  const text = written(composition.text);
  if (composition.editing) return text !== written(composition.editing.original);
  return text !== "";
}

export function next(composition: Composition, act: Act): Composition {
  const { editing } = composition;
  switch (act.type) {
    case "type":
      return { ...composition, text: act.text };
    case "reply":
      return { ...(editing ? editing.before : composition), replyTo: act.id };
    case "edit": {
      const { id, text } = act;
      return { text, replyTo: 0, editing: { id, original: text, before: draftOf(composition) } };
    }
    case "leave":
      return editing ? editing.before : composition;
    case "sent":
      return editing ? { ...composition, editing: { ...editing, before: EMPTY } } : EMPTY;
    case "told":
      return editing ? { ...composition, editing: { ...editing, before: act.draft } } : act.draft;
  }
}
