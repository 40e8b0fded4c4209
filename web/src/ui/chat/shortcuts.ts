/** The keys of an open chat, for the list of shortcuts. */

import { t } from "../../i18n";

export interface ShortcutLine {
  text: string;
  /** Any of these does it; each is pressed together. */
  ways: readonly (readonly string[])[];
}

/** Follows the language. Those of a single character are for a message that has the focus. */
export function chatShortcuts(): ShortcutLine[] {
  return [
    { text: t.chat.searchHere, ways: [["ctrl", "F"]] },
    { text: t.chat.emoji, ways: [["ctrl", "E"]] },
    { text: t.chat.toEnd(0), ways: [["ctrl", "↓"]] },
    { text: t.chat.moveInMessages, ways: [["↑"], ["↓"]] },
    { text: t.chat.messageMenu, ways: [["enter"]] },
    { text: t.chat.select, ways: [[t.chat.spaceKey], ["X"]] },
    { text: t.chat.reply, ways: [["R"]] },
    { text: t.chat.edit, ways: [["E"]] },
    { text: t.chat.copy, ways: [["C"]] },
    { text: t.chat.forward, ways: [["F"]] },
    { text: t.chat.delete, ways: [[t.chat.deleteKey]] },
  ];
}
