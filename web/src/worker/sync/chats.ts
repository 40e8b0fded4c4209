/** What the list of chats shows: rows made of what is known, and their order. */

import type { Outgoing, ChatRow } from "../../bridge/protocol";
import type { Dialog } from "../../contract";
import type { DialogRow } from "../store/store";
import type { Known } from "./known";

export function kindOf(chatId: string): Dialog["kind"] {
  const [low, high] = peers(chatId);
  return low === undefined ? "group" : low === high ? "saved" : "private";
}

/** The other person of a private chat. */
export function otherOf(chatId: string, me: number): number | undefined {
  const [low, high] = peers(chatId);
  return low === high ? undefined : low === me ? high : low;
}

function peers(chatId: string): [number, number] | [undefined, undefined] {
  const found = /^p(\d+)-(\d+)$/.exec(chatId);
  return found ? [Number(found[1]), Number(found[2])] : [undefined, undefined];
}

export function nameOf(known: Known, row: DialogRow): string {
  const other = otherOf(row.chat_id, known.fact("account")?.id ?? 0);
  if (other === undefined) return row.title ?? "";
  return known.get("contacts", other)?.name || known.get("users", other)?.name || (row.title ?? "");
}

export function chatRow(known: Known, row: DialogRow, pending: Outgoing | undefined): ChatRow {
  const { asOf: _, stale: _stale, reading: _reading, ...dialog } = row;
  const other = otherOf(row.chat_id, known.fact("account")?.id ?? 0);
  const draft = known.get("drafts", row.chat_id);
  const photo = other === undefined ? row.photo : (known.get("users", other)?.photo ?? row.photo);
  return {
    ...dialog,
    name: nameOf(known, row),
    ...(photo && { photo }),
    ...(other !== undefined && { userId: other }),
    ...(draft && { draft: { text: draft.text, dateMs: draft.dateMs, ...(draft.replyTo && { replyTo: draft.replyTo }) } }),
    ...(pending && { pending }),
  };
}

/** All chat ids from the top. */
export function orderOf(known: Known): string[] {
  return [...known.map("dialogs").values()].sort(latestFirst).map((row) => row.chat_id);
}

function latestFirst(a: DialogRow, b: DialogRow): number {
  return (b.top_pts ?? 0) - (a.top_pts ?? 0) || b.top_date_ms - a.top_date_ms || (a.chat_id < b.chat_id ? -1 : 1);
}
