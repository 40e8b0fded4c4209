/** Uploads the files of what is in the outbox, some at a time, before their messages are sent. */

import { Refused } from "../../bridge/bridge";
import type { Engine } from "../engine";
import type { Env } from "../env";
import { type OutboxRow, unlessStale } from "../store/store";
import type { Uploader } from "../uploads";
import { ticketOf } from "./order";
import { change, fail, rowsOf } from "./rows";

const AT_ONCE = 3;
const PROGRESS_MS = 100;

export class Attacher {
  private readonly running = new Map<number, AbortController>();

  /** `filed`: a message has its file now. */
  constructor(
    private readonly env: Env,
    private readonly engine: Engine,
    private readonly uploader: Uploader,
    private readonly filed: () => void,
  ) {}

  kick(): void {
    for (const row of rowsOf(this.engine)) {
      if (this.running.size >= AT_ONCE) return;
      const wants = row.file && !row.file.paused && row.state === "waiting" && !ticketOf(row, this.env.now());
      if (wants && !this.running.has(row.key)) this.upload(row).catch(unlessStale);
    }
  }

  stop(key?: number): void {
    for (const [one, control] of this.running) if (key === undefined || one === key) control.abort();
  }

  private async upload(row: OutboxRow): Promise<void> {
    const control = new AbortController();
    this.running.set(row.key, control);
    const source = { blob: row.blob!, name: row.file!.name, kind: row.file!.kind, uploadId: row.upload_id! };
    const progress = this.progress(row);
    try {
      const done = await this.uploader.upload(source, { signal: control.signal, progress: progress.tell });
      const ticket = { ticket: done.ticket, expires_ms: done.expires_ms };
      await change(this.engine, row.key, (now) => ({ ...now, ticket, file: { ...now.file!, sent: now.file!.size } }));
    } catch (error) {
      const sent = progress.sent();
      if (control.signal.aborted)
        await change(this.engine, row.key, (now) => ({ ...now, file: { ...now.file!, sent } }));
      else if (error instanceof Refused) await fail(this.engine, row.key, error.refusal);
      else throw error;
    } finally {
      this.running.delete(row.key);
    }
    this.kick();
    this.filed();
  }

  private progress(row: OutboxRow): { tell(sent: number): void; sent(): number } {
    let [toldMs, latest] = [0, row.file!.sent];
    return {
      tell: (sent) => {
        latest = sent;
        const now = this.env.now();
        if (now - toldMs < PROGRESS_MS && sent < row.file!.size) return;
        toldMs = now;
        this.engine.tell({ notice: { kind: "progress", chatId: row.chat_id, key: row.key, sent } });
      },
      sent: () => latest,
    };
  }
}
