/**
 * The piece of a history that is shown: contiguous, ascending, and never longer than what a page
 * can draw. Pure: what comes is put in, what is far away is cut off, and a piece that does not
 * touch is left out, so that there is no hole that looks like two messages in a row.
 */

import type { HistoryWindow } from "../bridge/protocol";
import type { Message } from "../contract";

/** Most messages that are in the document at once; fewer if they are made of many elements. */
export const WINDOW_MESSAGES_MAX = 120;
/** Links that a text has at most; what else looks like one stays words. */
export const LINKS_MAX = 100;
/** So many elements of a message count as one line. */
const LINE_ELEMENTS = 16;

/** A contiguous piece. `endId`: the last id that the chat has, shown or not. */
export interface Piece {
  messages: readonly Message[];
  atStart: boolean;
  atEnd: boolean;
  endId: number;
}

export const NO_PIECE: Piece = { messages: [], atStart: false, atEnd: false, endId: 0 };

export const firstId = (piece: Piece): number => piece.messages[0]?.id ?? 0;
export const lastId = (piece: Piece): number => piece.messages.at(-1)?.id ?? 0;

/**
 * A piece made of what the worker answered for a place. As with pages, `merged` puts in what was
 * told while that was on its way, and finds whether the end is still the end.
 */
export function pieceOf({ messages, atStart, atEnd }: HistoryWindow): Piece {
  return { messages, atStart, atEnd, endId: messages.at(-1)?.id ?? 0 };
}

/** Of two states of a message the one that is valid: deleted is the last, then the revision. */
export function later(held: Message, told: Message): Message {
  if (held.deleted || told.deleted) return told.deleted ? (held.deleted ? held : told) : held;
  return (told.revision ?? 0) >= (held.revision ?? 0) ? told : held;
}

/**
 * What a notice told. Messages that are held are replaced; those that follow the end without a
 * hole are appended; where there is a hole, the piece does not reach the end any more.
 */
export function merged(piece: Piece, told: readonly Message[], endId: number): Piece {
  const byId = new Map(told.map((message) => [message.id, message]));
  let changed = false;
  const messages = piece.messages.map((held) => {
    const other = byId.get(held.id);
    const valid = other ? later(held, other) : held;
    if (valid !== held) changed = true;
    return valid;
  });
  let last = lastId(piece);
  const end = Math.max(piece.endId, endId, ...byId.keys());
  if (piece.atEnd) {
    for (let next = byId.get(last + 1); next; next = byId.get(last + 1)) {
      messages.push(next);
      last = next.id;
      changed = true;
    }
  }
  const atEnd = piece.atEnd && last >= end;
  if (!changed && end === piece.endId && atEnd === piece.atEnd) return piece;
  return { ...piece, messages: changed ? messages : piece.messages, endId: end, atEnd };
}

/** With a page of what is before its first message. A page that was asked of another piece is
 * left out. */
export function withOlder(piece: Piece, beforeId: number, page: HistoryWindow): Piece {
  if (firstId(piece) !== beforeId) return piece;
  const older = page.messages.filter((message) => message.id < beforeId);
  return { ...piece, messages: [...older, ...piece.messages], atStart: page.atStart };
}

/** With a page of what is after its last message. */
export function withNewer(piece: Piece, afterId: number, page: HistoryWindow): Piece {
  if (lastId(piece) !== afterId) return piece;
  const newer = page.messages.filter((message) => message.id > afterId);
  const messages = [...piece.messages, ...newer];
  return { ...piece, messages, atEnd: page.atEnd };
}

/** Whether a message is shown with the one before it, as one line. */
function joined(message: Message, before: Message | undefined): boolean {
  return message.deleted === true && before?.deleted === true;
}

/** Where lines begin: of deleted messages in a row only the first one takes room. */
function lines(messages: readonly Message[]): number[] {
  const starts: number[] = [];
  for (const [at, message] of messages.entries()) {
    if (!joined(message, messages[at - 1])) starts.push(at);
  }
  return starts;
}

const weighed = new WeakMap<Message, number>();

/** For how many lines a message counts: 1, or more if it is made of many elements. */
function weight(message: Message): number {
  const known = weighed.get(message);
  if (known !== undefined) return known;
  const { text = "", media, reply_to, forward } = message;
  const links = Math.min(LINKS_MAX, text.match(/[.@:]\S/g)?.length ?? 0);
  const file = !media ? 0 : media.kind === "photo" ? 5 : 12;
  const elements = 10 + links + file + (reply_to ? 6 : 0) + (forward ? 2 : 0);
  const made = Math.max(1, elements / LINE_ELEMENTS);
  weighed.set(message, made);
  return made;
}

const sum = (weights: readonly number[]): number => weights.reduce((all, one) => all + one, 0);

/** How many lines are before the one of a message, and how many after it, by their weights. */
export function linesAround(messages: readonly Message[], id: number): { before: number; after: number } {
  const starts = lines(messages);
  const weights = starts.map((at) => weight(messages[at]!));
  const line = Math.max(0, starts.findLastIndex((at) => messages[at]!.id <= id));
  return { before: sum(weights.slice(0, line)), after: sum(weights.slice(line + 1)) };
}

/** Cut to so many lines, around a message that has to stay; an end that was cut off is no end. */
export function trimmed(piece: Piece, aroundId: number, most = WINDOW_MESSAGES_MAX): Piece {
  const { messages } = piece;
  const starts = lines(messages);
  const weights = starts.map((at) => weight(messages[at]!));
  if (sum(weights) <= most) return piece;
  const at = Math.max(0, starts.findLastIndex((start) => messages[start]!.id <= aroundId));
  const [first, end] = fitting(weights, at, most);
  const from = starts[first]!;
  const to = starts[end] ?? messages.length;
  return {
    ...piece,
    messages: messages.slice(from, to),
    atStart: piece.atStart && from === 0,
    atEnd: piece.atEnd && to === messages.length,
  };
}

/** What fits around one of them, from the first to before the last: as much before it as after it, or
 * more where the other side has less. */
function fitting(weights: readonly number[], at: number, most: number): [number, number] {
  let [first, end] = [at, at + 1];
  let left = most - weights[at]!;
  const before = (rest: number) => {
    while (first > 0 && weights[first - 1]! <= left - rest) left -= weights[--first]!;
  };
  before(left / 2);
  while (end < weights.length && weights[end]! <= left) left -= weights[end++]!;
  before(0);
  return [first, end];
}
