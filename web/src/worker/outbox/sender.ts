/** Sends what is in the outbox: in each chat one after the other (`order.ts`), until it is answered. */

import { Refused } from "../../bridge/bridge";
import { LIMITS, type MessageNew, type Numbered, type Sent } from "../../contract";
import type { Engine } from "../engine";
import { type Env, randomId } from "../env";
import type { Histories } from "../histories";
import { PASSING, type Rpc } from "../rpc";
import { type OutboxRow, unlessStale } from "../store/store";
import { ready } from "./order";
import { change, fail, rowsOf } from "./rows";

const RETRY_MS = 1_000;

/** How the mailbox is told that something of one's own has happened. */
export interface OwnUpdates {
  own(update: Numbered): void;
  askDifference(): void;
}

export class Sender {
  /** Chats in which something is being sent. */
  private readonly busy = new Set<string>();
  /** The albums that were begun last, by chat: what can be sent meanwhile does not come in between. */
  private readonly albums = new Map<string, number>();
  /** Answered, with the id that they have now, and not yet come back. */
  private readonly answered = new Map<number, number>();
  online = false;

  /** `unfiled`: a file has to be uploaded again. */
  constructor(
    private readonly env: Env,
    private readonly engine: Engine,
    private readonly rpc: Rpc,
    private readonly histories: Histories,
    private readonly mailbox: OwnUpdates,
    private readonly unfiled: () => void,
  ) {}

  kick(): void {
    for (const key of this.answered.keys()) if (!this.engine.known.get("outbox", key)) this.answered.delete(key);
    if (!this.online) return;
    for (const { chat_id } of rowsOf(this.engine))
      if (!this.busy.has(chat_id) && this.next(chat_id)) {
        this.busy.add(chat_id);
        this.work(chat_id).catch(unlessStale);
      }
  }

  /** Everything is known that there was: what has been answered and has not come back is among it. */
  settled(): void {
    for (const [key, id] of this.answered) {
      const row = this.engine.known.get("outbox", key);
      this.answered.delete(key);
      if (!row) continue;
      this.histories
        .fetchMessages(row.chat_id, [id], (turn) => turn.remove("outbox", key))
        .catch((error: unknown) => {
          if (!(error instanceof Refused)) unlessStale(error);
          this.kick(); // it is sent again, and answered alike
        });
    }
  }

  private async work(chatId: string): Promise<void> {
    try {
      for (let rows = this.next(chatId); rows && this.online; rows = this.next(chatId)) {
        const pauseMs = await this.attempt(rows);
        if (pauseMs === undefined) continue;
        if (pauseMs) this.env.after(pauseMs, () => this.kick());
        return;
      }
    } finally {
      this.busy.delete(chatId);
    }
  }

  /** What is to be sent next in a chat, if anything can be: one message, or what is forwarded at once. */
  private next(chatId: string): OutboxRow[] | undefined {
    const here = rowsOf(this.engine).filter((row) => row.chat_id === chatId && !this.answered.has(row.key));
    const rows = ready(here, this.env.now());
    const first = rows.find((row) => row.album && row.album === this.albums.get(chatId)) ?? rows[0];
    if (!first?.forward || first.batch === undefined) return first && [first];
    return rows.filter((row) => row.batch === first.batch).slice(0, LIMITS.messages_per_request_max);
  }

  /** How long to wait before the next attempt; 0: until there is a connection. */
  private async attempt(rows: readonly OutboxRow[]): Promise<number | undefined> {
    if (!(await this.mark(rows, "sending"))) return undefined;
    try {
      const sent = rows[0]!.forward ? await this.forward(rows) : [await this.send(rows[0]!)];
      for (const [index, row] of rows.entries()) this.sent(row, sent[index]!);
      return undefined;
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      return this.refused(rows, error);
    }
  }

  private send(row: OutboxRow): Promise<Sent> {
    this.albums.set(row.chat_id, row.album);
    return this.rpc.ask("messages.send", {
      chat_id: row.chat_id,
      text: row.text,
      random_id: row.random_id,
      ...(row.reply_to && { reply_to: row.reply_to }),
      ...(row.album && { album: row.album }),
      ...(row.ticket && { media: row.ticket.ticket }),
    });
  }

  private async forward(rows: readonly OutboxRow[]): Promise<Sent[]> {
    const answer = await this.rpc.ask("messages.forward", {
      from_chat_id: rows[0]!.forward!.chatId,
      ids: rows.map((row) => row.forward!.id),
      to_chat_id: rows[0]!.chat_id,
      random_ids: rows.map((row) => row.random_id),
    });
    return answer.sent;
  }

  /** The update of what one sends is the answer. Of a text it is known what it says; for the rest,
   * and for what had been sent before, the difference is asked for. */
  private sent(row: OutboxRow, sent: Sent): void {
    this.answered.set(row.key, sent.id);
    const plain = sent.pts && !row.file && !row.forward;
    if (plain) this.mailbox.own({ pts: sent.pts!, update: this.updateOf(row, sent) });
    else this.mailbox.askDifference();
  }

  private updateOf(row: OutboxRow, sent: Sent): MessageNew {
    const message = {
      chat_id: row.chat_id,
      id: sent.id,
      from_id: this.engine.known.fact("account")!.id,
      date_ms: sent.date_ms,
      text: row.text,
      random_id: row.random_id,
      ...(row.reply_to && { reply_to: row.reply_to }),
    };
    return { type: "message_new", message };
  }

  private async refused(rows: readonly OutboxRow[], { code, refusal }: Refused): Promise<number | undefined> {
    const passes = PASSING.has(code) || code === "flood" || code === "unauthorized";
    if (code === "offline" || passes) {
      await this.mark(rows, "waiting");
      return code === "offline" && !this.online ? 0 : 1_000 * (refusal.retryAfter ?? 0) || RETRY_MS;
    }
    if (rows.length > 1) await this.apart(rows);
    else if (code === "ticket_invalid" && rows[0]!.blob) await this.uploadAgain(rows[0]!);
    else await fail(this.engine, rows[0]!.key, refusal);
    return undefined;
  }

  /** Which of several was refused is not told: each by itself. */
  private async apart(rows: readonly OutboxRow[]): Promise<void> {
    for (const { key } of rows)
      await change(this.engine, key, ({ batch: _, ...row }) => ({ ...row, state: "waiting" }));
  }

  private async uploadAgain({ key }: OutboxRow): Promise<void> {
    const upload_id = randomId(this.env);
    await change(this.engine, key, ({ ticket: _, ...row }) => ({ ...row, state: "waiting", upload_id }));
    this.unfiled();
  }

  /** False: one of them is not there any more. */
  private mark(rows: readonly OutboxRow[], state: "sending" | "waiting"): Promise<boolean> {
    return this.engine.turn((turn) => {
      const now = rows.map((row) => turn.get("outbox", row.key));
      if (state === "sending" && now.includes(undefined)) return false;
      for (const row of now) if (row) turn.put("outbox", { ...row, state });
      return true;
    });
  }
}
