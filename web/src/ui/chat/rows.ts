/** What a list of messages shows, from what is held: days, senders' groups, albums, marks. Pure. */

import type { Outgoing } from "../../bridge/protocol";
import type { Media, Message } from "../../contract";

/** A message, or one that is on its way: what the parts of a row look at. */
export interface Entry {
  /** The same before and after it was sent, so that its elements stay. */
  key: string;
  /** 0: not sent yet. */
  id: number;
  fromId: number;
  dateMs: number;
  text: string;
  replyTo: number;
  album: number;
  media?: Media;
  message?: Message;
  outgoing?: Outgoing;
}

/** A row. `first` and `last`: of those of one sender in a row. */
export type Item =
  | { type: "unread"; key: string }
  | { type: "deleted"; key: string; entries: Entry[] }
  | { type: "service"; key: string; entries: Entry[] }
  | { type: "message"; key: string; entries: Entry[]; own: boolean; first: boolean; last: boolean };

export interface Day {
  key: string;
  ms: number;
  items: Item[];
}

/** Messages of one sender that are further apart begin a new group. */
const GROUP_MS = 10 * 60_000;

/** The day of a time, where the person is. */
export function dayKey(ms: number): string {
  const date = new Date(ms);
  return `${date.getFullYear()}-${date.getMonth() + 1}-${date.getDate()}`;
}

/** Makes entries; the same object for the same message, so that what did not change is seen. */
export class Entries {
  readonly #made = new WeakMap<Message | Outgoing, Entry>();
  readonly #keys = new Map<number, string>();

  constructor(readonly meId: number) {}

  message(message: Message): Entry {
    const made = this.#made.get(message);
    if (made) return made;
    if (message.random_id) this.#keys.set(message.id, `r${message.random_id}`);
    const entry: Entry = {
      key: this.#keys.get(message.id) ?? `m${message.id}`,
      id: message.id,
      fromId: message.from_id ?? 0,
      dateMs: message.date_ms,
      text: message.text ?? "",
      replyTo: message.reply_to ?? 0,
      album: message.album ?? 0,
      message,
      ...(message.media && { media: message.media }),
    };
    this.#made.set(message, entry);
    return entry;
  }

  outgoing(outgoing: Outgoing): Entry {
    const made = this.#made.get(outgoing);
    if (made) return made;
    const { text, replyTo, album, dateMs } = outgoing;
    const key = `r${outgoing.randomId}`;
    const entry: Entry = { key, id: 0, fromId: this.meId, dateMs, text, replyTo, album, outgoing };
    this.#made.set(outgoing, entry);
    return entry;
  }
}

function typeOf(entry: Entry): "deleted" | "service" | "message" {
  if (entry.message?.deleted) return "deleted";
  return entry.message?.action ? "service" : "message";
}

function joins(item: Item | undefined, entry: Entry): item is Item & { entries: Entry[] } {
  if (item === undefined || item.type === "unread" || item.type !== typeOf(entry)) return false;
  if (item.type === "deleted") return true;
  const other = item.entries.at(-1);
  return entry.album !== 0 && other?.album === entry.album && other.fromId === entry.fromId;
}

function itemOf(entry: Entry, before: Item | undefined, meId: number): Item {
  const { key } = entry;
  const type = typeOf(entry);
  if (type !== "message") return { type, key: type === "deleted" ? `x${key}` : key, entries: [entry] };
  const own = entry.fromId === meId;
  const item: Item = { type, key, entries: [entry], own, first: true, last: true };
  const other = before?.type === "message" ? before.entries.at(-1) : undefined;
  if (before?.type === "message" && other && other.fromId === entry.fromId) {
    if (entry.dateMs - other.dateMs < GROUP_MS) item.first = before.last = false;
  }
  return item;
}

/** Days with their rows. `unreadFrom`: the first that is not read, 0 if there is none. */
export function days(entries: readonly Entry[], meId: number, unreadFrom: number): Day[] {
  const found: Day[] = [];
  let marked = unreadFrom === 0;
  for (const entry of entries) {
    let day = found.at(-1);
    const key = dayKey(entry.dateMs);
    // Clocks of what is on its way may be behind: a day never begins twice.
    if (day === undefined || (day.key !== key && entry.dateMs > day.ms)) {
      day = { key, ms: entry.dateMs, items: [] };
      found.push(day);
    }
    if (!marked && entry.id >= unreadFrom) {
      day.items.push({ type: "unread", key: "unread" });
      marked = true;
    }
    const before = day.items.at(-1);
    if (joins(before, entry)) before.entries.push(entry);
    else day.items.push(itemOf(entry, before, meId));
  }
  return found;
}

/** Whether two rows show the same: the second need not be drawn. */
export function sameItem(one: Item, other: Item): boolean {
  if (one.type !== other.type || one.key !== other.key) return false;
  if (one.type === "unread" || other.type === "unread") return true;
  if (one.entries.length !== other.entries.length) return false;
  if (!one.entries.every((entry, at) => entry === other.entries[at])) return false;
  if (one.type !== "message" || other.type !== "message") return true;
  return one.first === other.first && one.last === other.last;
}
