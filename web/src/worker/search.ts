/**
 * Search in what this browser holds. Folded texts are in memory from the first search on, and are
 * kept up with every turn: to go through 100,000 of them takes some 20 ms.
 */

import type { Found } from "../bridge/protocol";
import type { Message } from "../contract";
import type { Engine } from "./engine";
import type { Env } from "./env";
import { chatRow, nameOf, orderOf } from "./sync/chats";
import { heldKey } from "./sync/known";

const PAGE = 1_000;
/** A search answers after this with what it has; the rest is read on for the next one. */
const BUDGET_MS = 400;
const TEXTS_MAX = 200_000;

interface Entry {
  chatId: string;
  id: number;
  dateMs: number;
  folded: string;
}

export class Search {
  private entries = new Map<string, Entry>();
  private reading: Promise<void> | undefined;

  constructor(
    private readonly env: Env,
    private readonly engine: Engine,
  ) {
    engine.watchers.add((turn) => {
      if (!this.reading) return;
      for (const [key, { chatId }] of this.entries) if (turn.drops(chatId)) this.entries.delete(key);
      for (const chat of turn.writtenMessages.values()) for (const message of chat.values()) this.enter(message);
    });
  }

  forget(): void {
    this.entries = new Map();
    this.reading = undefined;
  }

  /** Each word is somewhere in the name or the text. Names in the order of the list, messages the
   * newest first. */
  async find(text: string, chatId: string | undefined, limit: number): Promise<Found> {
    const words = fold(text).split(/\s+/u).filter(Boolean);
    if (!words.length) return { chats: [], messages: [] };
    this.reading ??= this.readAll();
    await Promise.race([this.reading, new Promise<void>((done) => this.env.after(BUDGET_MS, done))]);
    const fits = (folded: string): boolean => words.every((word) => folded.includes(word));
    const hits = [...this.entries.values()].filter((one) => (!chatId || one.chatId === chatId) && fits(one.folded));
    hits.sort((a, b) => b.dateMs - a.dateMs || b.id - a.id);
    const found = await this.engine.messagesAt(hits.slice(0, limit).map((one) => [one.chatId, one.id]));
    const { known } = this.engine;
    const rows = chatId ? [] : orderOf(known).map((id) => known.get("dialogs", id)!);
    return {
      chats: rows
        .filter((row) => fits(fold(nameOf(known, row))))
        .slice(0, limit)
        .map((row) => chatRow(known, row, undefined)),
      messages: found.filter((message) => message !== undefined && !message.deleted) as Message[],
    };
  }

  private async readAll(): Promise<void> {
    const { known } = this.engine;
    for (const chatId of orderOf(known))
      for (let end = known.get("dialogs", chatId)?.top_id ?? 0; ; ) {
        const page = await this.engine.messages(chatId, 1, end, PAGE, true);
        for (const message of page) if (!this.entries.has(heldKey(chatId, message.id))) this.enter(message);
        if (page.length < PAGE || this.entries.size >= TEXTS_MAX) break;
        end = page[0]!.id - 1;
      }
  }

  private enter(message: Message): void {
    const key = heldKey(message.chat_id, message.id);
    const text = [message.text, message.media?.name].filter(Boolean).join(" ");
    if (!text) this.entries.delete(key);
    else this.entries.set(key, { chatId: message.chat_id, id: message.id, dateMs: message.date_ms, folded: fold(text) });
  }
}

/** Case and accents tell no words apart. (Upper case first: it makes two letters of ß.) */
export function fold(text: string): string {
  return text.normalize("NFKD").replace(/\p{M}/gu, "").toUpperCase().toLowerCase();
}
