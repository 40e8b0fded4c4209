/** What people and kinds of messages are called, in a list, a quote, and to a screen reader. */

import { t } from "../../i18n";
import type { Message } from "../../contract";
import type { OpenChat } from "./context";
import type { Entry } from "./rows";

type Names = Pick<OpenChat, "meId" | "nameOf">;

export function senderName(chat: Names, userId: number): string {
  return userId === chat.meId ? t.chat.you : chat.nameOf(userId);
}

/** What a service message tells. A kind that is newer than this page is told in general words. */
export function serviceText(chat: Names, message: Message): string {
  const action = message.action;
  if (action === undefined) return t.chat.unknownMessage;
  const { meId } = chat;
  const from = message.from_id;
  const whom = action.user_id ?? 0;
  const words: Partial<Record<string, string>> & Record<typeof action.kind, string> = t.chat.service({
    who: chat.nameOf(from),
    whoIsMe: from === meId,
    whom: whom ? chat.nameOf(whom) : "",
    whomIsMe: whom === meId,
    itself: whom === from,
    title: action.text ?? "",
  });
  return words[action.kind] ?? t.chat.unknownMessage;
}

/** A message in a line: its text, or what it is. */
export function summary(entry: Pick<Entry, "text" | "media" | "outgoing" | "message">): string {
  if (entry.message?.deleted) return t.chat.deleted(1);
  if (entry.text) return entry.text;
  const file = entry.media ?? entry.outgoing?.file;
  if (file === undefined) return t.chat.unknownMessage;
  const kinds: Readonly<Record<string, string>> = t.chat.kinds;
  const kind = kinds[file.kind] ?? t.chat.kinds.file;
  return file.kind === "file" || file.kind === "audio" ? file.name || kind : kind;
}
