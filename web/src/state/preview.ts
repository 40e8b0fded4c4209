/** A message in one line, as lists, quotes, notifications and a screen reader have it. */

import type { Media, Message } from "../contract";
import { t } from "../i18n";
import { nameOf } from "./people";
import { myId } from "./session";

/** What is said, without who says it. */
export function rowText(message: Message): string {
  if (message.deleted) return t.chat.deleted(1);
  if (message.action !== undefined) return serviceText(message);
  if (message.text) return message.text;
  return message.media === undefined ? t.chat.unknownMessage : fileText(message.media);
}

/** What a file is, or what it is called where that says more. */
export function fileText({ kind, name }: Pick<Media, "kind" | "name">): string {
  const kinds: Readonly<Record<string, string>> = t.chat.kinds;
  const what = kinds[kind] ?? t.chat.kinds.file;
  return kind === "file" || kind === "audio" ? name || what : what;
}

/** What a service message tells. A kind that is newer than this page is told in general words. */
export function serviceText({ action, from_id: from }: Message): string {
  if (action === undefined) return t.chat.unknownMessage;
  const whom = action.user_id ?? 0;
  const words: Partial<Record<string, string>> & Record<typeof action.kind, string> = t.chat.service({
    who: nameOf(from),
    whoIsMe: from === myId(),
    whom: whom ? nameOf(whom) : "",
    whomIsMe: whom === myId(),
    itself: whom === from,
    title: action.text ?? "",
  });
  return words[action.kind] ?? t.chat.unknownMessage;
}
