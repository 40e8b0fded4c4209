/** What pages are told of a turn: made in one place from what it has changed. */

import type { Notice, Outgoing } from "../../bridge/protocol";
import type { Message, Status, User } from "../../contract";
import type { DialogRow, Key } from "../store/store";
import { chatRow, orderOf } from "./chats";
import type { Known, Turn } from "./known";
import { outgoingByChat } from "./outgoing";

/** A notice for all pages, for all but one, or for one of them alone (`once`). */
export interface Told {
  notice: Notice;
  except?: string;
  once?: boolean;
}

/** What a turn changes; to be taken before it is learnt. */
export interface Changed {
  rows: Set<string>;
  order: boolean;
  news: Map<string, Message[]>;
  outboxes: Set<string>;
  users: User[];
  contacts: boolean;
  chats: string[];
  drafts: string[];
  resets: string[];
  arrived: Message[];
  account: boolean;
  from: string | undefined;
}

export function changedBy(turn: Turn): Changed {
  const { known } = turn;
  const dialogs = turn.written("dialogs");
  const outboxes = new Set<string>();
  for (const [key, row] of turn.written("outbox")) outboxes.add((row ?? known.get("outbox", key))!.chat_id);
  const users = [...turn.written("users").values()].filter((user) => user !== undefined);
  const contacts = turn.written("contacts");
  const rows = new Set<string>([...dialogs.keys(), ...outboxes] as string[]);
  const me = turn.fact("account")?.id ?? 0;
  for (const id of [...users.map((user) => user.id), ...(contacts.keys() as Iterable<number>)])
    rows.add(`p${Math.min(me, id)}-${Math.max(me, id)}`);
  const drafts = [...turn.written("drafts").keys()] as string[];
  for (const chatId of drafts) rows.add(chatId);
  return {
    rows,
    order: turn.empties("dialogs") || [...dialogs].some(([chatId, row]) => moves(known.get("dialogs", chatId), row)),
    news: turn.news(),
    outboxes,
    users,
    contacts: contacts.size > 0 || turn.empties("contacts"),
    chats: [...turn.written("chats")].filter(([, chat]) => chat).map(([chatId]) => chatId as string),
    drafts,
    resets: [...turn.resets],
    arrived: turn.arrived,
    account: turn.written("facts").has("account"),
    from: turn.from,
  };
}

function moves(before: DialogRow | undefined, now: DialogRow | undefined): boolean {
  return !before || !now || before.top_pts !== now.top_pts;
}

export function tellsOf(known: Known, changed: Changed, presence: ReadonlyMap<number, Status>): Told[] {
  const told: Told[] = [];
  const tell = (notice: Notice, rest: Omit<Told, "notice"> = {}): void => void told.push({ notice, ...rest });
  const onTheirWay = changed.rows.size || changed.outboxes.size ? outgoingByChat(known) : new Map<string, Outgoing[]>();
  const account = known.fact("account");
  if (changed.account && account) tell({ kind: "account", account });
  if (changed.users.length) tell({ kind: "people", users: changed.users.map((user) => withStatus(user, presence)) });
  if (changed.contacts) tell({ kind: "contacts", ...contactLists(known) });
  for (const chatId of changed.resets) tell({ kind: "reset", chatId });
  const chats = [...changed.rows].flatMap((chatId) => known.get("dialogs", chatId) ?? []);
  if (chats.length || changed.order)
    tell({
      kind: "chats",
      rows: chats.map((row) => chatRow(known, row, onTheirWay.get(row.chat_id)?.at(-1))),
      ...(changed.order && { order: orderOf(known) }),
    });
  for (const chatId of new Set([...changed.news.keys(), ...changed.outboxes]))
    tell({
      kind: "messages",
      chatId,
      messages: changed.news.get(chatId) ?? [],
      endId: known.get("dialogs", chatId)?.top_id ?? 0,
      ...(changed.outboxes.has(chatId) && { outgoing: onTheirWay.get(chatId) ?? [] }),
    });
  for (const chatId of changed.chats) tell({ kind: "chat", chat: known.get("chats", chatId)! });
  for (const chatId of changed.drafts) {
    const draft = draftOf(known, chatId);
    tell({ kind: "draft", chatId, draft }, changed.from === undefined ? {} : { except: changed.from });
  }
  for (const chatId of new Set(changed.arrived.map((one) => one.chat_id))) {
    const messages = changed.arrived.filter((one) => one.chat_id === chatId);
    tell({ kind: "arrived", chatId, messages }, { once: true });
  }
  return told;
}

export function withStatus(user: User, presence: ReadonlyMap<number, Status>): User {
  const status = presence.get(user.id);
  return status ? { ...user, status } : user;
}

export function contactLists(known: Known): { contacts: { user_id: number; name: string }[]; blocked: number[] } {
  const rows = [...known.map("contacts").values()];
  return {
    contacts: rows.filter((row) => row.contact).map(({ user_id, name }) => ({ user_id, name })),
    blocked: rows.filter((row) => row.blocked).map((row) => row.user_id),
  };
}

export function draftOf(known: Known, chatId: Key) {
  const row = known.get("drafts", chatId);
  if (!row) return null;
  const { chat_id: _, ...draft } = row;
  return draft;
}
