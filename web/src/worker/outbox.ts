/**
 * What is on its way. A message is written down before anybody is told of it, and then sent: in
 * each chat one after the other, with the same random id until it is answered. It is in the outbox
 * until it has come back as an update, in whose turn its row goes.
 */

import { Refused } from "../bridge/bridge";
import type { Attachment, Outgoing, OutgoingFile } from "../bridge/protocol";
import { LIMITS, type MessageNew, type Numbered, type Sent } from "../contract";
import type { Engine } from "./engine";
import { type Env, randomId } from "./env";
import type { Histories } from "./histories";
import { PASSING, type Rpc } from "./rpc";
import { type OutboxRow, unlessStale } from "./store/store";
import { outgoing } from "./sync/chats";
import type { Turn } from "./sync/known";
import type { Uploader } from "./uploads";

const RETRY_MS = 1_000;
const UPLOADS_AT_ONCE = 3;
const PROGRESS_MS = 100;

/** How the outbox tells the mailbox that something of its own has happened. */
export interface OwnUpdates {
  own(update: Numbered): void;
  askDifference(): void;
}

type New = Omit<OutboxRow, "key" | "date_ms" | "state" | "random_id">;

export class Outbox {
  /** Chats in which something is being sent. */
  private readonly busy = new Set<string>();
  /** Answered, with the id that they have now, and not yet come back. */
  private readonly answered = new Map<number, number>();
  private readonly uploading = new Map<number, AbortController>();
  private online = false;

  constructor(
    private readonly env: Env,
    private readonly engine: Engine,
    private readonly rpc: Rpc,
    private readonly histories: Histories,
    private readonly uploader: Uploader,
    private readonly mailbox: OwnUpdates,
  ) {}

  // --- what the page asks for --------------------------------------------------------------------

  /** `once`: a number of who asks; asked again with it, the messages are the same ones. */
  async send(chatId: string, text: string, replyTo: number, files: Attachment[], once: number): Promise<Outgoing[]> {
    const base = { chat_id: chatId, text, reply_to: replyTo, album: 0 };
    if (!files.length) return this.write([base], once);
    const together = files.length > 1 && files.every(({ kind }) => kind === "photo" || kind === "video");
    const long = text.length > LIMITS.caption_chars_max;
    const rows = files.map((file, index): New => {
      const group = Math.floor(index / LIMITS.album_messages_max);
      return {
        ...base,
        text: file.caption ?? (index || long ? "" : text),
        reply_to: index || long ? 0 : replyTo,
        album: together ? nth(once, files.length + 1 + group) : 0,
        file: fileOf(file),
        blob: file.blob,
        upload_id: randomId(this.env),
      };
    });
    return this.write(long ? [base, ...rows] : rows, once);
  }

  forward(fromChatId: string, ids: number[], toChatId: string, once: number): Promise<Outgoing[]> {
    const base = { chat_id: toChatId, text: "", reply_to: 0, album: 0, batch: once };
    return this.write(ids.map((id) => ({ ...base, forward: { chatId: fromChatId, id } })), once);
  }

  async cancel(key: number): Promise<boolean> {
    const row = this.engine.known.get("outbox", key);
    if (!row || row.state === "sending") return false;
    this.uploading.get(key)?.abort();
    const done = await this.engine.turn((turn) => {
      const now = turn.get("outbox", key);
      if (!now || now.state === "sending") return false;
      turn.remove("outbox", key);
      return true;
    });
    if (done && row.upload_id && !row.ticket)
      this.rpc.ask("media.cancel", { upload_id: row.upload_id }).catch(() => undefined);
    this.kick();
    return done;
  }

  async retry(key: number): Promise<boolean> {
    const done = await this.change(key, (row) => {
      if (row.state !== "failed") return undefined;
      const { failure: _, ...rest } = row;
      return { ...rest, state: "waiting" };
    });
    this.kick();
    return done;
  }

  async pause(key: number, paused: boolean): Promise<boolean> {
    const done = await this.change(key, (row) => {
      if (!row.file || row.ticket || row.state !== "waiting") return undefined;
      return { ...row, file: { ...row.file, paused } };
    });
    if (done && paused) this.uploading.get(key)?.abort();
    this.kick();
    return done;
  }

  // --- connections -------------------------------------------------------------------------------

  connected(): void {
    this.online = true;
    this.kick();
  }

  disconnected(): void {
    this.online = false;
  }

  /** Everything is known that there was: what has been answered and has not come back is among it. */
  settled(): void {
    for (const [key, id] of this.answered) {
      const row = this.engine.known.get("outbox", key);
      this.answered.delete(key);
      if (!row) continue;
      this.histories
        .fetchMessages(row.chat_id, [id], (turn) => turn.remove("outbox", key))
        .catch(unlessStale)
        .catch(() => this.kick()); // it is sent again, and answered alike
    }
  }

  stop(): void {
    this.online = false;
    for (const upload of this.uploading.values()) upload.abort();
  }

  /** Send what waits. */
  kick(): void {
    for (const key of [...this.answered.keys()]) if (!this.engine.known.get("outbox", key)) this.answered.delete(key);
    this.startUploads();
    if (!this.online) return;
    for (const row of this.engine.known.map("outbox").values())
      if (!this.busy.has(row.chat_id) && this.next(row.chat_id)) {
        this.busy.add(row.chat_id);
        this.work(row.chat_id).catch(unlessStale);
      }
  }

  // --- sending -----------------------------------------------------------------------------------

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

  /** What is to be sent next in a chat, if it can be: one message, or what is forwarded at once. */
  private next(chatId: string): OutboxRow[] | undefined {
    const rows = [...this.engine.known.map("outbox").values()]
      .filter((row) => row.chat_id === chatId && row.state !== "failed" && !row.file?.paused)
      .filter((row) => !this.answered.has(row.key))
      .sort((a, b) => a.key - b.key);
    const first = rows[0];
    if (!first || (first.file && !this.ticketOf(first))) return undefined;
    if (first.batch === undefined) return [first];
    return rows.filter((row) => row.batch === first.batch).slice(0, LIMITS.messages_per_request_max);
  }

  /** How long to wait before the next attempt; 0: until there is a connection. */
  private async attempt(rows: readonly OutboxRow[]): Promise<number | undefined> {
    if (!(await this.mark(rows, "sending"))) return undefined;
    try {
      const sent = rows[0]!.forward ? await this.forwardNow(rows) : [await this.sendNow(rows[0]!)];
      rows.forEach((row, index) => this.came(row, sent[index]!));
      return undefined;
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      return this.refused(rows, error);
    }
  }

  private async refused(rows: readonly OutboxRow[], { code, refusal }: Refused): Promise<number | undefined> {
    const passes = PASSING.has(code) || code === "flood" || code === "unauthorized";
    if (code === "offline" || passes) {
      await this.mark(rows, "waiting");
      return code === "offline" && !this.online ? 0 : 1_000 * (refusal.retryAfter ?? 0) || RETRY_MS;
    }
    if (rows.length > 1) {
      // Which one it was is not told: each by itself.
      await this.engine.turn((turn) => {
        for (const { key } of rows) {
          const { batch: _, ...row } = turn.get("outbox", key) ?? {};
          if ("key" in row) turn.put("outbox", { ...row, state: "waiting" } as OutboxRow);
        }
      });
      return undefined;
    }
    const [row] = rows;
    if (code === "ticket_invalid" && row!.blob) {
      await this.change(row!.key, ({ ticket: _, ...rest }) => ({ ...rest, state: "waiting", upload_id: randomId(this.env) }));
      this.startUploads();
    } else await this.fail(row!.key, refusal);
    return undefined;
  }

  private sendNow(row: OutboxRow): Promise<Sent> {
    return this.rpc.ask("messages.send", {
      chat_id: row.chat_id,
      text: row.text,
      random_id: row.random_id,
      ...(row.reply_to && { reply_to: row.reply_to }),
      ...(row.album && { album: row.album }),
      ...(row.ticket && { media: row.ticket.ticket }),
    });
  }

  private async forwardNow(rows: readonly OutboxRow[]): Promise<Sent[]> {
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
  private came(row: OutboxRow, sent: Sent): void {
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

  // --- files -------------------------------------------------------------------------------------

  private ticketOf(row: OutboxRow): string | undefined {
    return row.ticket && row.ticket.expires_ms > this.env.now() ? row.ticket.ticket : undefined;
  }

  private startUploads(): void {
    const rows = [...this.engine.known.map("outbox").values()].sort((a, b) => a.key - b.key);
    for (const row of rows) {
      if (this.uploading.size >= UPLOADS_AT_ONCE) return;
      const wants = row.file && !row.file.paused && row.state === "waiting" && !this.ticketOf(row);
      if (wants && !this.uploading.has(row.key)) this.upload(row).catch(unlessStale);
    }
  }

  private async upload(row: OutboxRow): Promise<void> {
    const control = new AbortController();
    this.uploading.set(row.key, control);
    const source = { blob: row.blob!, name: row.file!.name, kind: row.file!.kind, uploadId: row.upload_id! };
    let sent = 0;
    try {
      const progress = this.progress(row);
      const going = { signal: control.signal, progress: (bytes: number) => progress((sent = bytes)) };
      const done = await this.uploader.upload(source, going);
      const ticket = { ticket: done.ticket, expires_ms: done.expires_ms };
      await this.change(row.key, (now) => ({ ...now, ticket, file: { ...now.file!, sent: now.file!.size } }));
    } catch (error) {
      if (control.signal.aborted)
        await this.change(row.key, (now) => (now.file ? { ...now, file: { ...now.file, sent } } : undefined));
      else if (error instanceof Refused) await this.fail(row.key, error.refusal);
      else throw error;
    } finally {
      this.uploading.delete(row.key);
    }
    this.kick();
  }

  private progress(row: OutboxRow): (sent: number) => void {
    let toldMs = 0;
    return (sent) => {
      const now = this.env.now();
      if (now - toldMs < PROGRESS_MS && sent < row.file!.size) return;
      toldMs = now;
      this.engine.tell({ notice: { kind: "progress", chatId: row.chat_id, key: row.key, sent } });
    };
  }

  // --- rows --------------------------------------------------------------------------------------

  private async write(rows: readonly New[], once: number): Promise<Outgoing[]> {
    const written = await this.engine.turn((turn) =>
      rows.map((row, index) => {
        const random_id = nth(once, index);
        for (const one of turn.each("outbox"))
          if (one.chat_id === row.chat_id && one.random_id === random_id) return one;
        const key = (turn.fact("outboxKey") ?? 0) + 1;
        const full: OutboxRow = { ...row, key, random_id, date_ms: this.env.now(), state: "waiting" };
        turn.setFact("outboxKey", key);
        turn.put("outbox", full);
        return full;
      }),
    );
    this.kick();
    return written.map(outgoing);
  }

  private change(key: number, to: (row: OutboxRow) => OutboxRow | undefined): Promise<boolean> {
    return this.engine.turn((turn: Turn) => {
      const row = turn.get("outbox", key);
      const changed = row && to(row);
      if (changed) turn.put("outbox", changed);
      return Boolean(changed);
    });
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

  private fail(key: number, { code, detail }: { code: string; detail: string }): Promise<boolean> {
    return this.change(key, (row) => ({ ...row, state: "failed", failure: { code, detail } }));
  }
}

/** The random id of the nth message of one request. */
function nth(once: number, index: number): number {
  return 1 + ((once - 1 + index) % Number.MAX_SAFE_INTEGER);
}

function fileOf(file: Attachment): OutgoingFile {
  const { blob, name, kind, mime, width, height, durationMs, waveform } = file;
  return {
    name,
    size: blob.size,
    kind,
    mime,
    sent: 0,
    paused: false,
    ...(width && { width }),
    ...(height && { height }),
    ...(durationMs && { durationMs }),
    ...(waveform && { waveform }),
  };
}
