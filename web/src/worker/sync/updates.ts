/** What each update means for what is known (docs/protocol.md, "Updates"). A further kind of update
 * is a further entry of `APPLIED`. */

import type { Message, Numbered, Update } from "../../contract";
import { kindOf } from "./chats";
import type { Turn } from "./known";
import { withSlice } from "./slices";

type Kind = Update["type"];
type Of<K extends Kind> = Extract<Update, { type: K }>;

/** The messages that an update looks at, if they are held. */
export function needed(update: Update): [string, number][] {
  if (update.type === "messages_deleted") return update.ids.map((id) => [update.chat_id, id]);
  return "message" in update ? [[update.message.chat_id, update.message.id]] : [];
}

/** The chat that an update is about. */
export function chatOf(update: Update): string | undefined {
  return "message" in update ? update.message.chat_id : "chat_id" in update ? update.chat_id : undefined;
}

/** `live`: it was pushed, so that somebody may be notified of it. */
export function apply(turn: Turn, { pts, update }: Numbered, live: boolean): void {
  (APPLIED[update.type] as Applied<Kind> | undefined)?.(turn, update, pts, live);
  turn.setFact("pts", pts);
  turn.applied.push(update);
}

type Applied<K extends Kind> = (turn: Turn, update: Of<K>, pts: number, live: boolean) => void;

const APPLIED: { readonly [K in Kind]: Applied<K> } = {
  message_new: (turn, { message }, pts, live) => {
    const row = dialogFor(turn, message.chat_id);
    const me = turn.fact("account")?.id;
    const counted = pts > (row.asOf ?? 0);
    acted(turn, message, counted);
    if (readable(message)) {
      const { slices = [] } = turn.get("slices", message.chat_id) ?? {};
      const grown = withSlice(slices, { start: message.id, end: message.id });
      turn.put("slices", { chat_id: message.chat_id, slices: grown });
      merge(turn, message);
    }
    sent(turn, message);
    if (!counted) return;
    const { message: _, ...before } = turn.get("dialogs", message.chat_id)!;
    const top = turn.message(message.chat_id, message.id);
    turn.put("dialogs", {
      ...before,
      top_id: message.id,
      top_date_ms: top?.date_ms ?? message.date_ms,
      top_pts: pts,
      unread: (row.unread ?? 0) + (message.from_id === me ? 0 : 1),
      left: leaves(turn, message),
      ...(top && { message: top }),
    });
    if (live && message.from_id && message.from_id !== me) turn.arrived.push(message);
  },
  message_edited: (turn, { message }) => {
    if (readable(message) && turn.message(message.chat_id, message.id)) merge(turn, message);
  },
  messages_deleted: (turn, update, pts) => {
    for (const id of update.ids) {
      const held = turn.message(update.chat_id, id);
      if (held) erase(turn, held);
      else eraseTop(turn, update.chat_id, id);
    }
    marks(turn, update.chat_id, pts, { unread: update.unread });
  },
  read_inbox: (turn, { chat_id, max_id, unread }, pts) => {
    marks(turn, chat_id, pts, { read_inbox_id: max_id, unread });
  },
  read_outbox: (turn, { chat_id, max_id, user_id }, pts) => {
    const known = turn.get("dialogs", chat_id)?.read_outbox_id ?? 0;
    marks(turn, chat_id, pts, { read_outbox_id: Math.max(known, max_id) });
    memberMark(turn, chat_id, user_id, "read_id", max_id);
  },
  delivered: (turn, { chat_id, max_id, user_id }, pts) => {
    const known = turn.get("dialogs", chat_id)?.delivered_id ?? 0;
    marks(turn, chat_id, pts, { delivered_id: Math.max(known, max_id) });
    memberMark(turn, chat_id, user_id, "delivered_id", max_id);
  },
  chat_described: (turn, { chat_id, description }) => {
    const chat = turn.get("chats", chat_id);
    if (chat) turn.put("chats", { ...chat, description });
  },
  member_rights: (turn, { chat_id, add }) => {
    const chat = turn.get("chats", chat_id);
    if (chat) turn.put("chats", { ...chat, members_add: add });
  },
  profile: (turn, { user }) => {
    turn.setFact("account", user);
    turn.put("users", user);
  },
  contact: (turn, { user_id, name = "", contact = false, blocked = false }) => {
    if (contact || blocked) turn.put("contacts", { user_id, name, contact, blocked });
    else turn.remove("contacts", user_id);
  },
};

/** Something was said of one message, by whatever way: the later state of it stays. */
export function merge(turn: Turn, message: Message, quietly = false): void {
  const held = turn.message(message.chat_id, message.id);
  if (held?.deleted) return;
  if (held && !message.deleted && (held.revision ?? 0) > (message.revision ?? 0)) return;
  if (message.deleted && held?.media) turn.erased.push(held);
  turn.putMessage(message, quietly && (!held || same(held, message)));
}

/** What updates that came while an answer was on its way say of the messages in it. */
export function overtake(turn: Turn, updates: readonly Update[]): void {
  for (const update of updates)
    if (update.type === "message_edited") APPLIED.message_edited(turn, update, 0, false);
    else if (update.type === "messages_deleted")
      for (const id of update.ids) {
        const held = turn.message(update.chat_id, id);
        if (held) erase(turn, held);
      }
}

/** A chat that I come into again: what was before is not there to be read any more. */
export function enters(update: Update, me: number): boolean {
  if (update.type !== "message_new") return false;
  const { action } = update.message;
  return action?.kind === "member_added" && action.user_id === me;
}

/** One without either is one that may no longer be read. */
export function readable(message: Message): boolean {
  return Boolean(message.from_id || message.deleted);
}

function same(a: Message, b: Message): boolean {
  return (a.revision ?? 0) === (b.revision ?? 0) && a.deleted === b.deleted;
}

function gone(message: Message): Message {
  const { chat_id, id, date_ms } = message;
  return { chat_id, id, from_id: 0, date_ms, deleted: true };
}

function erase(turn: Turn, held: Message): void {
  if (held.media) turn.erased.push(held);
  turn.putMessage(gone(held));
}

function eraseTop(turn: Turn, chatId: string, id: number): void {
  const top = turn.get("dialogs", chatId)?.message;
  if (top?.id === id) turn.dialog(chatId, { message: gone(top) });
}

function dialogFor(turn: Turn, chatId: string) {
  const row = turn.get("dialogs", chatId);
  if (row) return row;
  const fresh = { chat_id: chatId, kind: kindOf(chatId), top_id: 0, top_date_ms: 0, stale: true };
  turn.put("dialogs", fresh);
  return turn.get("dialogs", chatId)!;
}

/** Marks of a dialog, unless it reflects this update already. */
function marks(
  turn: Turn,
  chatId: string,
  pts: number,
  changes: { unread?: number; read_inbox_id?: number; read_outbox_id?: number; delivered_id?: number },
): void {
  const row = dialogFor(turn, chatId);
  if (pts <= (row.asOf ?? 0)) return;
  const { reading, ...rest } = row;
  const read = changes.read_inbox_id ?? row.read_inbox_id ?? 0;
  turn.put("dialogs", { ...rest, ...changes, ...(reading && reading > read && { reading }) });
}

function memberMark(
  turn: Turn,
  chatId: string,
  userId: number,
  field: "read_id" | "delivered_id",
  maxId: number,
): void {
  const chat = turn.get("chats", chatId);
  const member = chat?.members.find((one) => one.user_id === userId);
  if (!chat || !member || (member[field] ?? 0) >= maxId) return;
  const members = chat.members.map((one) => (one === member ? { ...one, [field]: maxId } : one));
  turn.put("chats", { ...chat, members });
}

function leaves(turn: Turn, { action }: Message): boolean {
  if (action?.kind !== "member_removed" && action?.kind !== "member_left") return false;
  return action.user_id === turn.fact("account")?.id;
}

/** What a service message changes of its group. `counted`: the dialog does not reflect it yet. */
function acted(turn: Turn, message: Message, counted: boolean): void {
  const { chat_id: chatId, action } = message;
  if (!action) return;
  const mine = enters({ type: "message_new", message }, turn.fact("account")?.id ?? 0);
  if (mine) turn.dropMessages(chatId);
  if (!counted) return;
  const titled = ["group_created", "renamed", "member_added"].includes(action.kind);
  if (titled && action.text) turn.dialog(chatId, { title: action.text });
  if (leaves(turn, message)) {
    turn.remove("chats", chatId);
    const { photo: _, ...row } = turn.get("dialogs", chatId)!;
    turn.put("dialogs", { ...row, stale: false });
  } else if (mine || turn.get("chats", chatId) || action.kind.startsWith("photo_"))
    turn.dialog(chatId, { stale: true });
}

/** What I have sent has come back: it is on its way no longer. */
function sent(turn: Turn, { chat_id, random_id }: Message): void {
  if (!random_id) return;
  for (const row of turn.each("outbox"))
    if (row.chat_id === chat_id && row.random_id === random_id) turn.remove("outbox", row.key);
}
