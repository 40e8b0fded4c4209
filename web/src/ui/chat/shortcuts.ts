/** The keys of an open chat, for the list of shortcuts. */

import { t } from "../../i18n";

export interface ChatShortcut {
  keys: readonly string[];
  label: string;
  /** Of a single character: only where a message has the focus, and not where it is turned off. */
  single?: true;
}

/** Follows the language. */
export function chatShortcuts(): ChatShortcut[] {
  const { key } = t.shell;
  return [
    { keys: [key.ctrl, "F"], label: t.chat.searchHere },
    { keys: [key.ctrl, "E"], label: t.chat.emoji },
    { keys: [key.ctrl, "↓"], label: t.chat.toEnd(0) },
    { keys: ["↑", "↓"], label: t.chat.moveInMessages },
    { keys: [key.enter], label: t.chat.messageMenu },
    { keys: [t.chat.spaceKey], label: t.chat.select },
    { keys: ["R"], label: t.chat.reply, single: true },
    { keys: ["E"], label: t.chat.edit, single: true },
    { keys: ["C"], label: t.chat.copy, single: true },
    { keys: ["F"], label: t.chat.forward, single: true },
    { keys: ["X"], label: t.chat.select, single: true },
    { keys: [t.chat.deleteKey], label: t.chat.delete },
  ];
}
