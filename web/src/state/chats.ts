/**
 * The rows of the list of chats. Each row is a signal of its own, and what was told is put in
 * together: a thousand updates a second are ten changes of the page, of the rows they are about.
 */

import { batch, createSignal, type Accessor, type Setter } from "solid-js";
import { Refused } from "../bridge/bridge";
import type { ChatRow, Notice } from "../bridge/protocol";
import { t } from "../i18n";
import { ask, listen } from "./bridge";
import { nameOf, person, refreshPeople } from "./people";
import { myId } from "./session";

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

/** What the page calls a chat: its own name, or "somebody" while it is not told who that is. */
export function rowName(row: ChatRow): string {
  return row.kind === "saved" ? t.shell.saved : row.name || t.shell.unknownPerson;
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

/** The chat that was asked for last and is not there, or not for this person. */
const [absent, setAbsent] = createSignal<string>();

export function isAbsent(chatId: string): boolean {
  return absent() === chatId && chatRow(chatId) === undefined;
}

const ABSENT: ReadonlySet<string> = new Set(["chat_not_found", "invalid_params"]);

/** Chats that are open although the list lacks them: nobody has written there yet. */
const adopted = new Set<string>();

/** For such a chat: a row that the list does not show, so that what is open has a name. */
export async function adoptChat(chatId: string): Promise<void> {
  const chat = await ask("chat", { chatId }).catch((why: unknown) => {
    if (why instanceof Refused && ABSENT.has(why.code)) setAbsent(chatId);
    throw why;
  });
  const userId = chat.kind === "private" ? chat.members.find(({ user_id }) => user_id !== myId())?.user_id : undefined;
  if (userId !== undefined) await refreshPeople([userId]);
  const [get, set] = signalOf<Row>(rows, chatId, undefined);
  if (get() !== undefined) return;
  adopted.add(chatId);
  const name = userId === undefined ? chat.title : nameOf(userId);
  const photo = userId === undefined ? chat.photo : person(userId)?.photo;
  set({
    chat_id: chatId,
    kind: chat.kind,
    name,
    top_id: chat.last_id,
    top_date_ms: 0,
    ...(userId !== undefined && { userId }),
    ...(photo !== undefined && { photo }),
  });
}

/** Nobody reads a list that changes more often; what comes alone is not held up. */
const REST_MS = 100;
let lastMs = 0;
let waiting: { rows: Map<string, ChatRow>; order: readonly string[] | undefined } | undefined;

function take(told: readonly ChatRow[], order: readonly string[] | undefined): void {
  const asked = waiting !== undefined;
  gather(told, order);
  if (asked) return;
  const restMs = lastMs + REST_MS - performance.now();
  if (restMs > 0) setTimeout(nextFrame, restMs);
  else nextFrame();
}

function gather(told: readonly ChatRow[], order: readonly string[] | undefined): void {
  const now = (waiting ??= { rows: new Map(), order: undefined });
  for (const row of told) now.rows.set(row.chat_id, row);
  now.order = order ?? now.order;
}

/** A hidden page gets no frames; nobody looks, but its title counts. */
function nextFrame(): void {
  if (document.hidden) putIn();
  else requestAnimationFrame(putIn);
}

function putIn(): void {
  const now = waiting;
  waiting = undefined;
  lastMs = performance.now();
  if (now === undefined) return;
  batch(() => {
    let unread = unreadTotal();
    for (const [chatId, row] of now.rows) {
      const [get, set] = signalOf<Row>(rows, chatId, undefined);
      adopted.delete(chatId);
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
    if (kept.has(chatId) || adopted.has(chatId)) continue;
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
    adopted.clear();
    dropAllBut(new Set());
    setOrder([]);
    setUnreadTotal(0);
  });
  const all = await ask("chats", {});
  gather(all, all.map((row) => row.chat_id));
  putIn();
  setLoaded(true);
}

/** Once in the page. */
export function listenForChats(): () => void {
  return listen((notice) => {
    if (notice.kind === "chats") take(notice.rows, notice.order);
    else if (notice.kind === "typing") type(notice);
  });
}
