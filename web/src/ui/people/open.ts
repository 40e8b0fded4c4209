/** Ways to a chat with somebody. */

import type { User } from "../../contract";
import { Refused } from "../../bridge/bridge";
import { call } from "../../state/bridge";
import { privateChatWith } from "../../state/chats";
import { learn } from "../../state/people";
import { openChat } from "../../state/route";
import { limit } from "../../state/session";
import { failed } from "../../state/toasts";
import { isUsername } from "../login/checks";

/** Who has this user name, with or without its "@"; undefined: nobody, or it is none. */
export async function resolveUsername(text: string): Promise<User | undefined> {
  const username = text.trim().replace(/^@/, "");
  if (!isUsername(username, limit("username_chars_min"), limit("username_chars_max"))) return undefined;
  try {
    const user = await call("users.resolve", { username });
    learn([user]);
    return user;
  } catch (error) {
    if (error instanceof Refused && error.code === "user_not_found") return undefined;
    throw error;
  }
}

/** At once where there is a chat already; else it is opened on the server first. */
export async function openPrivate(userId: number): Promise<void> {
  const known = privateChatWith(userId);
  if (known !== undefined) {
    openChat(known.chat_id);
    return;
  }
  try {
    const chat = await call("chats.open_private", { user_id: userId });
    openChat(chat.id);
  } catch (error) {
    failed(error);
  }
}
