/**
 * What is on its way. A message is written down before anybody is told of it, and then sent with the
 * same random id until it is answered. It is in the outbox until it has come back as an update, in
 * whose turn its row goes.
 */

import type { Attachment, Outgoing, OutgoingFile } from "../../bridge/protocol";
import { LIMITS } from "../../contract";
import type { Engine } from "../engine";
import { type Env, randomId } from "../env";
import type { Histories } from "../histories";
import type { Rpc } from "../rpc";
import type { OutboxRow } from "../store/store";
import { outgoing } from "../sync/outgoing";
import type { Uploader } from "../uploads";
import { Attacher } from "./attacher";
import { change, nth } from "./rows";
import { type OwnUpdates, Sender } from "./sender";

type New = Omit<OutboxRow, "key" | "date_ms" | "state" | "random_id">;

export class Outbox {
  private readonly sender: Sender;
  private readonly attacher: Attacher;

  constructor(
    private readonly env: Env,
    private readonly engine: Engine,
    private readonly rpc: Rpc,
    histories: Histories,
    uploader: Uploader,
    mailbox: OwnUpdates,
  ) {
    this.attacher = new Attacher(env, engine, uploader, () => this.sender.kick());
    this.sender = new Sender(env, engine, rpc, histories, mailbox, () => this.attacher.kick());
  }

  // --- what the page asks for --------------------------------------------------------------------

  /** `once`: a number of who asks; asked again with it, the messages are the same ones. */
  send(chatId: string, text: string, replyTo: number, files: readonly Attachment[], once: number): Promise<Outgoing[]> {
    const message: New = { chat_id: chatId, text, reply_to: replyTo, album: 0, batch: once };
    // A text that is too long to go with a file goes before it.
    if (!files.length || text.length > LIMITS.caption_chars_max) {
      const rest = { ...message, text: "", reply_to: 0 };
      return this.write([message, ...this.filed(rest, files, once)], once);
    }
    return this.write(this.filed(message, files, once), once);
  }

  forward(fromChatId: string, ids: readonly number[], toChatId: string, once: number): Promise<Outgoing[]> {
    const message: New = { chat_id: toChatId, text: "", reply_to: 0, album: 0, batch: once };
    return this.write(
      ids.map((id) => ({ ...message, forward: { chatId: fromChatId, id } })),
      once,
    );
  }

  async cancel(key: number): Promise<boolean> {
    const upload = this.engine.known.get("outbox", key)?.upload_id;
    const done = await this.engine.turn((turn) => {
      const row = turn.get("outbox", key);
      if (!row || row.state === "sending") return false;
      turn.remove("outbox", key);
      return true;
    });
    if (done && upload) {
      this.attacher.stop(key);
      this.rpc.ask("media.cancel", { upload_id: upload }).catch(() => undefined); // it is given up in a day
    }
    this.kick();
    return done;
  }

  async retry(key: number): Promise<boolean> {
    const done = await change(this.engine, key, ({ failure: _, ...row }) =>
      row.state === "failed" ? { ...row, state: "waiting" } : undefined,
    );
    this.kick();
    return done;
  }

  async pause(key: number, paused: boolean): Promise<boolean> {
    const done = await change(this.engine, key, (row) =>
      row.file && !row.ticket && row.state === "waiting" ? { ...row, file: { ...row.file, paused } } : undefined,
    );
    if (done && paused) this.attacher.stop(key);
    this.kick();
    return done;
  }

  // --- as the connection is ----------------------------------------------------------------------

  connected(): void {
    this.sender.online = true;
    this.kick();
  }

  disconnected(): void {
    this.sender.online = false;
  }

  settled(): void {
    this.sender.settled();
  }

  stop(): void {
    this.disconnected();
    this.attacher.stop();
  }

  /** Send what waits. */
  kick(): void {
    this.attacher.kick();
    this.sender.kick();
  }

  // --- rows --------------------------------------------------------------------------------------

  /** One message for each file; pictures and videos together are albums. */
  private filed(first: New, files: readonly Attachment[], once: number): New[] {
    const together = files.length > 1 && files.every(({ kind }) => kind === "photo" || kind === "video");
    return files.map((file, index) => ({
      ...first,
      text: file.caption ?? (index ? "" : first.text),
      reply_to: index ? 0 : first.reply_to,
      album: together ? nth(once, Math.floor(index / LIMITS.album_messages_max)) : 0,
      file: fileOf(file),
      blob: file.blob,
      upload_id: randomId(this.env),
    }));
  }

  private async write(rows: readonly New[], once: number): Promise<Outgoing[]> {
    const written = await this.engine.turn((turn) => {
      const there = [...turn.each("outbox")];
      return rows.map((row, index) => {
        const random_id = nth(once, index);
        const before = there.find((one) => one.chat_id === row.chat_id && one.random_id === random_id);
        if (before) return before;
        const key = (turn.fact("outboxKey") ?? 0) + 1;
        const full: OutboxRow = { ...row, key, random_id, date_ms: this.env.now(), state: "waiting" };
        turn.setFact("outboxKey", key);
        turn.put("outbox", full);
        return full;
      });
    });
    this.kick();
    return written.map(outgoing);
  }
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
