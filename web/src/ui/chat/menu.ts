/**
 * What can be done with messages: in their menu, by a key on one that has the focus, and with several that
 * are chosen. A new thing to do is one more of these.
 */

import { t } from "../../i18n";
import { failed, told } from "../../state/toasts";
import { limit } from "../../state/session";
import { copyText, type IconName, type MenuItem, openMenu } from "../base";
import { fileAddress } from "../media/address";
import type { OpenChat } from "./context";
import type { Entry } from "./rows";

export interface MessageAction {
  name: string;
  icon: IconName;
  label: (entries: readonly Entry[]) => string;
  /** Whether it can be done with these, now. */
  fits: (chat: OpenChat, entries: readonly Entry[]) => boolean;
  act: (chat: OpenChat, entries: readonly Entry[]) => void;
  /** On a message that has the focus. */
  key?: string;
  danger?: true;
  /** Also with several that are chosen. */
  several?: true;
}

const isSent = (entry: Entry) => entry.id > 0 && !entry.message?.deleted;
const isPlain = (entry: Entry) => isSent(entry) && !entry.message?.action;
const isOwn = (chat: OpenChat, entry: Entry) => entry.fromId === chat.meId;

/** Own ones for some time, in the saved messages for ever; not what was forwarded. */
export function editable(chat: OpenChat, entry: Entry): boolean {
  const fresh = Date.now() - entry.dateMs < limit("edit_s") * 1000;
  const open = fresh || chat.row()?.kind === "saved";
  return isPlain(entry) && isOwn(chat, entry) && !entry.message?.forward && open && chat.writable();
}

async function copy(entries: readonly Entry[]): Promise<void> {
  await copyText(entries.map((entry) => entry.text).filter(Boolean).join("\n\n"));
  told(t.chat.copied);
}

function download(entry: Entry): void {
  const link = document.createElement("a");
  link.href = fileAddress(entry) ?? "";
  link.download = entry.media?.name || "file";
  link.click();
}

export const ACTIONS: readonly MessageAction[] = [
  {
    name: "reply",
    icon: "reply",
    label: () => t.chat.reply,
    key: "r",
    fits: (chat, entries) => chat.writable() && isPlain(entries[0]!),
    act: (chat, entries) => chat.reply(entries[0]!),
  },
  {
    name: "edit",
    icon: "edit",
    label: () => t.chat.edit,
    key: "e",
    fits: (chat, entries) => entries.some((entry) => editable(chat, entry)),
    act: (chat, entries) => chat.edit(entries.find((entry) => entry.text) ?? entries[0]!),
  },
  {
    name: "copy",
    icon: "copy",
    label: () => t.chat.copy,
    key: "c",
    several: true,
    fits: (_, entries) => entries.some((entry) => entry.text),
    act: (_, entries) => void copy(entries).catch(failed),
  },
  {
    name: "forward",
    icon: "forward",
    label: () => t.chat.forward,
    key: "f",
    several: true,
    fits: (_, entries) => entries.every(isPlain),
    act: (chat, entries) => chat.forward(entries),
  },
  {
    name: "download",
    icon: "download",
    label: () => t.chat.save,
    fits: (_, entries) => entries.length === 1 && isSent(entries[0]!) && entries[0]!.media !== undefined,
    act: (_, entries) => download(entries[0]!),
  },
  {
    name: "select",
    icon: "check",
    label: () => t.chat.select,
    key: "x",
    fits: (_, entries) => entries.every(isSent),
    act: (chat, entries) => chat.selection.toggle(entries.map((entry) => entry.id)),
  },
  {
    name: "seen",
    icon: "eye",
    label: () => t.chat.seenBy,
    fits: (chat, entries) => chat.isGroup() && isPlain(entries[0]!) && isOwn(chat, entries[0]!),
    act: (chat, entries) => chat.seenBy(entries.at(-1)!),
  },
  {
    name: "delete",
    icon: "trash",
    label: () => t.chat.delete,
    key: "Delete",
    danger: true,
    several: true,
    fits: (_, entries) => entries.every(isPlain),
    act: (chat, entries) => chat.remove(entries),
  },
];

export function actionsFor(chat: OpenChat, entries: readonly Entry[]): MessageAction[] {
  return ACTIONS.filter((action) => entries.length > 0 && action.fits(chat, entries));
}

export function openMessageMenu(chat: OpenChat, entries: readonly Entry[], at: Element | { x: number; y: number }): void {
  const items = actionsFor(chat, entries).map((action): MenuItem => {
    const { icon, danger } = action;
    const keys = action.key && { keys: action.key === "Delete" ? t.chat.deleteKey : action.key.toUpperCase() };
    return { label: action.label(entries), icon, act: () => action.act(chat, entries), ...(danger && { danger }), ...keys };
  });
  if (items.length > 0) openMenu({ at, label: t.chat.messageMenu, items });
}
