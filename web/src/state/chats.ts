/**
 * The rows of the list of chats. Each row is a signal of its own, and what was told is put in once
 * a frame: a thousand updates a second are sixty changes of the page, of the rows they are about.
 */

import { batch, createSignal, type Accessor, type Setter } from "solid-js";
import type { ChatRow, Notice } from "../bridge/protocol";
import { ask, listen } from "./bridge";

type Row = ChatRow | undefined;

const rows = new Map<string, [Accessor<Row>, Setter<Row>]>();
const [order, setOrder] = createSignal<readonly string[]>([]);
const [loaded, setLoaded] = createSignal(false);
const [unreadTotal, setUnreadTotal] = createSignal(0);
/** Who is writing in a chat, and until when that is believed. */
const typists = new Map<string, [Accessor<readonly number[]>, Setter<readonly number[]>]>();
const fading = new Map<string, Map<number, ReturnType<typeof setTimeout>>>();

/** All chats from the top. */
export const chatOrder = order;
export const chatsLoaded = loaded;
/** Unread messages of all chats. */
export { unreadTotal };

function signalOf<T>(
  all: Map<string, [Accessor<T>, Setter<T>]>,
  chatId: string,
  initial: T,
): [Accessor<T>, Setter<T>] {
  const known = all.get(chatId);
  if (known !== undefined) return known;
  const made = createSignal<T>(initial);
  all.set(chatId, made);
  return made;
}

/** The row of a chat; undefined while it is not in the list. */
export function chatRow(chatId: string): ChatRow | undefined {
  return signalOf<Row>(rows, chatId, undefined)[0]();
}

/** User ids of those who are writing there. */
export function typing(chatId: string): readonly number[] {
  return signalOf<readonly number[]>(typists, chatId, [])[0]();
}

/** The private chat with a person, if there is one. */
export function privateChatWith(userId: number): ChatRow | undefined {
  for (const chatId of order()) {
    const row = chatRow(chatId);
    if (row?.kind === "private" && row.userId === userId) return row;
  }
  return undefined;
}

let waiting: { rows: Map<string, ChatRow>; order: readonly string[] | undefined } | undefined;

function take(notice: Extract<Notice, { kind: "chats" }>): void {
  if (waiting === undefined) {
    waiting = { rows: new Map(), order: undefined };
    // A hidden page gets no frames; nobody looks, but its title counts.
    if (document.hidden) queueMicrotask(putIn);
    else requestAnimationFrame(putIn);
  }
  for (const row of notice.rows) waiting.rows.set(row.chat_id, row);
  waiting.order = notice.order ?? waiting.order;
}

function putIn(): void {
  const now = waiting;
  waiting = undefined;
  if (now === undefined) return;
  batch(() => {
    let unread = unreadTotal();
    for (const [chatId, row] of now.rows) {
      const [get, set] = signalOf<Row>(rows, chatId, undefined);
      unread += (row.unread ?? 0) - (get()?.unread ?? 0);
      set(row);
    }
    if (now.order !== undefined) unread -= dropAllBut(new Set(now.order));
    setUnreadTotal(unread);
    if (now.order !== undefined) setOrder(now.order);
  });
}

/** Rows that are not in the list any more; answers how much was unread in them. */
function dropAllBut(kept: ReadonlySet<string>): number {
  let unread = 0;
  for (const [chatId, [get, set]] of rows) {
    if (kept.has(chatId)) continue;
    unread += get()?.unread ?? 0;
    set(undefined);
  }
  return unread;
}

function type(notice: Extract<Notice, { kind: "typing" }>): void {
  const { chatId, userId } = notice;
  const [, set] = signalOf<readonly number[]>(typists, chatId, []);
  const timers = fading.get(chatId) ?? new Map<number, ReturnType<typeof setTimeout>>();
  fading.set(chatId, timers);
  clearTimeout(timers.get(userId));
  const fade = () => {
    timers.delete(userId);
    set((all) => all.filter((id) => id !== userId));
  };
  const ms = notice.untilMs - Date.now();
  if (ms <= 0) {
    fade();
    return;
  }
  timers.set(userId, setTimeout(fade, ms));
  set((all) => (all.includes(userId) ? all : [...all, userId]));
}

/** Ends what is shown of the account before; call it again for another one. */
export async function startChats(): Promise<void> {
  batch(() => {
    setLoaded(false);
    dropAllBut(new Set());
    setOrder([]);
    setUnreadTotal(0);
  });
  const all = await ask("chats", {});
  take({ kind: "chats", rows: all, order: all.map((row) => row.chat_id) });
  putIn();
  setLoaded(true);
}

/** Once in the page. */
export function listenForChats(): () => void {
  return listen((notice) => {
    if (notice.kind === "chats") take(notice);
    else if (notice.kind === "typing") type(notice);
  });
}
