/** What answers of the server mean for what is known. */

import type { Chat, Contact, Dialog, History, Message, Update, User } from "../../contract";
import { otherOf } from "./chats";
import type { Turn } from "./known";
import { withSlice } from "./slices";
import { merge, overtake } from "./updates";

/** All that a list of chats shows, fetched anew. `pts`: where the mailbox was before; each dialog
 * comes with the `pts` that it reflects. */
export interface Anew {
  pts: number;
  me: User;
  dialogs: readonly (Dialog & { asOf: number })[];
  contacts: readonly Contact[];
  blocked: readonly number[];
}

/** Histories may be wrong then, and are forgotten. */
export function fetchedAnew(turn: Turn, { pts, me, dialogs, contacts, blocked }: Anew): void {
  const reading = new Map([...turn.each("dialogs")].map((row) => [row.chat_id, row.reading ?? 0] as const));
  turn.empty(["dialogs", "slices", "messages", "chats", "contacts"]);
  turn.setFact("account", me);
  for (const { user_id, name = "" } of contacts) turn.put("contacts", { user_id, name, contact: true, blocked: false });
  for (const user_id of blocked) {
    const row = turn.get("contacts", user_id);
    turn.put("contacts", { user_id, name: "", contact: false, ...row, blocked: true });
  }
  for (const dialog of dialogs) {
    const read = reading.get(dialog.chat_id) ?? 0;
    turn.put("dialogs", { ...dialog, ...(read > (dialog.read_inbox_id ?? 0) && { reading: read }) });
    const top = dialog.message;
    if (!top) continue;
    turn.putMessage(top, true);
    turn.put("slices", { chat_id: dialog.chat_id, slices: [{ start: top.id, end: top.id }] });
  }
  turn.setFact("pts", pts);
}

/** What was asked of a history: what is before an id (0: the end), or after one. `topId`: the last
 * one that was known when it was asked. */
export interface HistoryAsked {
  chatId: string;
  before?: number;
  after?: number;
  topId: number;
}

/** A page of a history. `since`: updates of this chat that were applied while it was on its way. */
export function fetchedHistory(turn: Turn, asked: HistoryAsked, page: History, since: readonly Update[]): void {
  fetchedMessages(turn, page.messages, since);
  const first = page.messages[0]?.id;
  const last = page.messages.at(-1)?.id;
  if (page.more && first === undefined) return;
  const end = Math.max(last ?? 0, asked.topId);
  const range =
    asked.after !== undefined
      ? { start: asked.after + 1, end: page.more ? last! : end }
      : { start: page.more ? first! : 1, end: asked.before ? asked.before - 1 : end };
  const { slices = [] } = turn.get("slices", asked.chatId) ?? {};
  turn.put("slices", { chat_id: asked.chatId, slices: withSlice(slices, range) });
}

/** Single messages. */
export function fetchedMessages(
  turn: Turn,
  messages: readonly Message[],
  since: readonly Update[],
  quietly = true,
): void {
  for (const message of messages) merge(turn, message, quietly);
  overtake(turn, since);
}

/** Profiles, without who is online: that is not kept. */
export function fetchedUsers(turn: Turn, users: readonly User[]): void {
  const me = turn.fact("account")?.id ?? 0;
  const byId = new Map(users.map(({ status: _, ...user }) => [user.id, user] as const));
  byId.delete(me); // updates tell of it
  for (const user of byId.values())
    if (JSON.stringify(turn.get("users", user.id)) !== JSON.stringify(user)) turn.put("users", user);
  for (const row of [...turn.each("dialogs")]) {
    const other = otherOf(row.chat_id, me);
    const user = other === undefined ? undefined : byId.get(other);
    if (user && (row.stale || row.title !== user.name)) turn.dialog(row.chat_id, { title: user.name, stale: false });
  }
}

/** A chat with its members, or (undefined) that there is none for me. */
export function fetchedChat(turn: Turn, chatId: string, chat: Chat | undefined): void {
  const row = turn.get("dialogs", chatId);
  if (!chat) {
    turn.remove("chats", chatId);
    if (row?.stale) turn.dialog(chatId, { stale: false });
    return;
  }
  turn.put("chats", chat);
  if (!row) return;
  const { photo: _, ...rest } = row;
  const title = chat.kind === "group" ? chat.title : row.title;
  turn.put("dialogs", { ...rest, stale: false, ...(title && { title }), ...(chat.photo && { photo: chat.photo }) });
}
