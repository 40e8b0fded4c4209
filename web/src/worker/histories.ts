/** Histories: from what is held where it is held without a hole, from the server where not. */

import { Refused } from "../bridge/bridge";
import type { HistoryWindow, Place } from "../bridge/protocol";
import { type GetHistory, LIMITS, type Message, type Update } from "../contract";
import type { Engine } from "./engine";
import type { Rpc } from "./rpc";
import { type HistoryAsked, fetchedHistory, fetchedMessages } from "./sync/answers";
import type { Turn } from "./sync/known";
import { sliceAt } from "./sync/slices";
import { chatOf, needed } from "./sync/updates";

/** A question on its way, and what has happened in its chat since it was asked. */
interface Watched {
  chatId: string;
  since: Update[];
  /** What it will bring is of before the chat began anew. */
  void: boolean;
}

export class Histories {
  private readonly watched = new Set<Watched>();

  constructor(
    private readonly engine: Engine,
    private readonly rpc: Rpc,
  ) {
    engine.watchers.add((turn) => this.notice(turn));
  }

  async window(chatId: string, place: Place, limit: number): Promise<HistoryWindow> {
    const anchorId = await this.find(chatId, place);
    if (!anchorId) return { ...(await this.older(chatId, this.topId(chatId) + 1, limit)), anchorId: 0 };
    const half = Math.max(1, Math.floor(limit / 2));
    // One after the other: the second often finds what the first has brought.
    const older = await this.older(chatId, anchorId, half);
    const newer = await this.newer(chatId, anchorId - 1, limit - older.messages.length);
    return { chatId, messages: [...older.messages, ...newer.messages], atStart: older.atStart, atEnd: newer.atEnd, anchorId };
  }

  async older(chatId: string, id: number, limit: number): Promise<HistoryWindow> {
    const [messages, slice] = await this.read(chatId, id - 1, limit, true);
    const atStart = id <= 1 || (slice?.start === 1 && messages.length < limit);
    return { chatId, messages, atStart, atEnd: id > this.topId(chatId), anchorId: id };
  }

  async newer(chatId: string, id: number, limit: number): Promise<HistoryWindow> {
    const [messages] = await this.read(chatId, id + 1, limit, false);
    const atEnd = (messages.at(-1)?.id ?? (messages.length < limit ? this.topId(chatId) : id)) >= this.topId(chatId);
    return { chatId, messages, atStart: false, atEnd, anchorId: id };
  }

  /** Single messages, wherever they are held; the others are asked for. */
  async messages(chatId: string, ids: readonly number[]): Promise<Message[]> {
    const wanted = [...new Set(ids)].sort((a, b) => a - b);
    const held = await this.engine.messagesAt(wanted.map((id) => [chatId, id]));
    const missing = wanted.filter((_, index) => !held[index]);
    if (missing.length)
      try {
        await this.fetchMessages(chatId, missing);
      } catch (error) {
        if (!held.some(Boolean)) throw error;
      }
    const found = await this.engine.messagesAt(wanted.map((id) => [chatId, id]));
    return found.filter((message) => message !== undefined);
  }

  /** `also`: what else is so by then, in the same turn; and then the messages are news. */
  async fetchMessages(chatId: string, ids: readonly number[], also?: (turn: Turn) => void): Promise<void> {
    for (let rest = [...ids]; rest.length; ) {
      const asked = rest.slice(0, LIMITS.messages_per_request_max);
      rest = rest.slice(asked.length);
      const page = await this.asking(
        chatId,
        () => this.rpc.call("messages.get", { chat_id: chatId, ids: asked }),
        (turn, found, since) => {
          fetchedMessages(turn, found.messages, since, !also);
          also?.(turn);
        },
      );
      if (page.more) rest = [...asked.filter((id) => id > page.messages.at(-1)!.id), ...rest];
    }
  }

  // --- steps -------------------------------------------------------------------------------------

  /** Up to `limit` messages from `id` on, backwards or forwards, without a hole. Fewer where there
   * are no more, or where the server cannot be asked. */
  private async read(chatId: string, id: number, limit: number, back: boolean) {
    const held = await this.held(chatId, id, limit, back);
    if (held.complete) return [held.messages, held.slice] as const;
    const edge = held.slice ? (back ? held.slice.start - 1 : held.slice.end + 1) : id;
    const count = Math.min(LIMITS.history_page_max, Math.max(limit - held.messages.length, 20));
    try {
      await this.fetch(chatId, back ? { before_id: edge + 1 } : { after_id: edge - 1 }, count);
    } catch (error) {
      if (!held.messages.length || !(error instanceof Refused)) throw error;
      return [held.messages, held.slice] as const;
    }
    const now = await this.held(chatId, id, limit, back);
    return [now.messages, now.slice] as const;
  }

  private async held(chatId: string, id: number, limit: number, back: boolean) {
    const slices = this.engine.known.get("slices", chatId)?.slices ?? [];
    const slice = sliceAt(slices, id);
    if (!slice) {
      const complete = back ? id < 1 : id > this.topId(chatId);
      return { messages: [], slice, complete };
    }
    const [start, end] = back ? [slice.start, id] : [id, slice.end];
    const messages = await this.engine.messages(chatId, start, end, limit, back);
    const all = back ? slice.start === 1 : slice.end >= this.topId(chatId);
    return { messages, slice, complete: all || messages.length >= limit };
  }

  private async fetch(chatId: string, where: Partial<GetHistory>, limit: number): Promise<void> {
    const asked: HistoryAsked = {
      chatId,
      ...(where.before_id !== undefined && { before: where.before_id }),
      ...(where.after_id !== undefined && { after: where.after_id }),
      topId: this.topId(chatId),
    };
    await this.asking(
      chatId,
      () => this.rpc.call("messages.history", { chat_id: chatId, ...where, limit }),
      (turn, page, since) => fetchedHistory(turn, asked, page, since),
    );
  }

  /** Ask, and take in the answer with all that has happened since. */
  private async asking<T extends { messages: Message[] }>(
    chatId: string,
    ask: () => Promise<T>,
    take: (turn: Turn, answer: T, since: readonly Update[]) => void,
  ): Promise<T> {
    for (;;) {
      const watched: Watched = { chatId, since: [], void: false };
      this.watched.add(watched);
      try {
        const answer = await ask();
        await this.engine.turn(
          (turn) => {
            if (!watched.void) take(turn, answer, watched.since);
          },
          () => [
            ...answer.messages.map((one): [string, number] => [chatId, one.id]),
            ...watched.since.flatMap(needed),
          ],
        );
        if (!watched.void) return answer;
      } finally {
        this.watched.delete(watched);
      }
    }
  }

  private notice(turn: Turn): void {
    for (const one of this.watched) {
      one.since.push(...turn.applied.filter((update) => chatOf(update) === one.chatId));
      if (turn.drops(one.chatId)) one.void = true;
    }
  }

  private topId(chatId: string): number {
    return this.engine.known.get("dialogs", chatId)?.top_id ?? 0;
  }

  // --- places ------------------------------------------------------------------------------------

  /** The message that a place is; 0: the end. */
  private async find(chatId: string, place: Place): Promise<number> {
    const dialog = this.engine.known.get("dialogs", chatId);
    switch (place.at) {
      case "end":
        return 0;
      case "message":
        return place.id;
      case "unread": {
        const first = (dialog?.read_inbox_id ?? 0) + 1;
        return dialog?.unread && first <= dialog.top_id ? first : 0;
      }
      case "date":
        return this.atDate(chatId, place.ms);
    }
  }

  /** The first message of a date or later: each step asks for messages that are spread evenly over
   * where it may be. Dates hardly ever go back, so that this is near enough where they do. */
  private async atDate(chatId: string, ms: number): Promise<number> {
    let [low, high] = [0, this.topId(chatId) + 1]; // it is after `low`, and at `high` at most
    while (high - low > 1) {
      const count = Math.min(LIMITS.messages_per_request_max, high - low - 1);
      const probes = Array.from({ length: count }, (_, index) => low + Math.ceil(((index + 1) * (high - low)) / (count + 1)));
      const ids = [...new Set(probes)].filter((id) => id > low && id < high);
      const found = new Map((await this.messages(chatId, ids)).map((one) => [one.id, one] as const));
      if (!found.size && ids.length === high - low - 1 && low > 0) break;
      // What may not be read is before all that may.
      const later = ids.find((id) => (found.get(id)?.date_ms ?? 0) >= ms);
      const before = later === undefined ? ids.at(-1) : ids[ids.indexOf(later) - 1];
      high = later ?? high;
      low = before ?? low;
    }
    return high > this.topId(chatId) ? 0 : high;
  }
}
