/** What people are called in a chat. */

import { t } from "../../i18n";
import type { OpenChat } from "./context";

export function senderName(chat: Pick<OpenChat, "meId" | "nameOf">, userId: number): string {
  return userId === chat.meId ? t.chat.you : chat.nameOf(userId);
}
