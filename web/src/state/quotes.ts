/** Messages that are quoted and are not among those that are shown. */

import { type Accessor, createMemo, createSignal, type Setter } from "solid-js";
import type { Message } from "../contract";
import { ask, listen } from "./bridge";
import { later, type Piece } from "./window";

/** `undefined`: it is being asked for; `null`: it is not there, or not for this person. */
export type Quoted = Message | null | undefined;

const HELD_MAX = 300;
const IDS_MAX = 100;

export interface Quotes {
  of(id: number): Quoted;
  end(): void;
}

export function createQuotes(chatId: string, piece: Accessor<Piece>): Quotes {
  const held = new Map<number, [Accessor<Quoted>, Setter<Quoted>]>();
  const shown = createMemo(() => new Map(piece().messages.map((message) => [message.id, message])));
  let wanted: number[] = [];
  /** Could not be had; asked for again when the connection is back. */
  let missed: number[] = [];

  const load = async (): Promise<void> => {
    const ids = wanted.slice(0, IDS_MAX);
    wanted = wanted.slice(IDS_MAX);
    if (ids.length === 0) return;
    if (wanted.length > 0) queueMicrotask(() => void load());
    try {
      const found = await ask("messages", { chatId, ids });
      const byId = new Map(found.map((message) => [message.id, message]));
      for (const id of ids) held.get(id)?.[1](() => byId.get(id) ?? null);
    } catch {
      missed.push(...ids);
    }
  };

  const queue = (ids: readonly number[]) => {
    if (wanted.length === 0) queueMicrotask(() => void load());
    wanted.push(...ids);
  };

  const want = (id: number): Accessor<Quoted> => {
    const [get, set] = createSignal<Quoted>();
    held.set(id, [get, set]);
    for (const oldest of held.keys()) {
      if (held.size <= HELD_MAX) break;
      held.delete(oldest);
    }
    queue([id]);
    return get;
  };

  const end = listen((notice) => {
    if (notice.kind === "connection" && notice.connection.state === "online") {
      queue(missed);
      missed = [];
    }
    if (notice.kind === "reset" && notice.chatId === chatId) queue([...held.keys()]);
    if (notice.kind !== "messages" || notice.chatId !== chatId) return;
    for (const message of notice.messages) {
      held.get(message.id)?.[1]((known) => (known ? later(known, message) : message));
    }
  });

  return { of: (id) => shown().get(id) ?? (held.get(id)?.[0] ?? want(id))(), end };
}
