/** Files on their way up (docs/protocol.md, "Files"). */

import { createBLAKE3 } from "hash-wasm";
import { Refused } from "../bridge/bridge";
import { type Finished, LIMITS, type MediaKind, type Upload } from "../contract";
import { type Env, pause } from "./env";
import { send } from "./http";
import { PASSING, type Rpc } from "./rpc";

const AT_ONCE = 3;
const RETRY_MS_MAX = 10_000;

export interface Source {
  blob: Blob;
  name: string;
  kind: MediaKind;
  /** Repeated with the same one, it goes on where it was. */
  uploadId: number;
}

export interface Going {
  signal: AbortSignal;
  progress(sent: number): void;
}

export class Uploader {
  private hasher: ReturnType<typeof createBLAKE3> | undefined;

  constructor(
    private readonly env: Env,
    private readonly rpc: Rpc,
  ) {}

  /** Goes on through lost connections until it is done, refused, or called off. */
  async upload(source: Source, going: Going): Promise<Finished> {
    if (source.blob.size <= LIMITS.part_bytes) return this.whole(source, going);
    for (let attempt = 1; ; attempt++)
      try {
        return await this.inParts(source, going);
      } catch (error) {
        // Given up by the server meanwhile: begin again.
        const lost = error instanceof Refused && ["upload_not_found", "upload_incomplete"].includes(error.code);
        if (!lost || attempt === 3) throw error;
      }
  }

  private async whole({ blob, name, kind }: Source, going: Going): Promise<Finished> {
    const bytes = await read(blob);
    const query = new URLSearchParams({ hash: text(await this.hash(bytes)), name, kind });
    const init = { method: "POST", body: bytes, signal: going.signal };
    const done = await this.insist(going, () => send(this.env, `/media/upload?${query}`, init));
    going.progress(blob.size);
    return done as Finished;
  }

  private async inParts({ blob, name, kind, uploadId }: Source, going: Going): Promise<Finished> {
    const upload = await this.insist(going, () => this.rpc.ask("media.begin", { upload_id: uploadId, size: blob.size }));
    const stored = storedParts(upload as Upload);
    const hashes = new Uint8Array(32 * Math.ceil(blob.size / LIMITS.part_bytes));
    let [next, sent] = [0, 0];
    const some = async (): Promise<void> => {
      for (let part = next++; part * LIMITS.part_bytes < blob.size; part = next++) {
        const bytes = await read(blob.slice(part * LIMITS.part_bytes, (part + 1) * LIMITS.part_bytes));
        going.signal.throwIfAborted();
        const hash = await this.hash(bytes);
        hashes.set(hash, 32 * part);
        if (!stored.has(part)) {
          const path = `/media/upload/${uploadId}/${part}?hash=${text(hash)}`;
          const init = { method: "PUT", body: bytes, signal: going.signal };
          await this.insist(going, () => send(this.env, path, init));
        }
        going.progress((sent += bytes.length));
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, some));
    const hash = text(await this.hash(hashes));
    const asked = { upload_id: uploadId, hash, name, kind };
    return (await this.insist(going, () => this.rpc.ask("media.finish", asked))) as Finished;
  }

  /** Again until there is an answer that is one. */
  private async insist<T>(going: Going, attempt: () => Promise<T>): Promise<T> {
    for (let pauseMs = 500; ; pauseMs = Math.min(2 * pauseMs, RETRY_MS_MAX)) {
      going.signal.throwIfAborted();
      try {
        return await attempt();
      } catch (error) {
        if (!(error instanceof Refused)) throw error;
        if (error.code !== "offline" && error.code !== "flood" && !PASSING.has(error.code)) throw error;
        await pause(this.env, 1_000 * (error.refusal.retryAfter ?? 0) || pauseMs);
      }
    }
  }

  private async hash(bytes: Uint8Array): Promise<Uint8Array> {
    const hasher = await (this.hasher ??= createBLAKE3());
    return hasher.init().update(bytes).digest("binary");
  }
}

function storedParts(upload: Upload): Set<number> {
  const stored = new Set<number>();
  for (const { first, last } of upload.stored) for (let part = first; part <= last; part++) stored.add(part);
  return stored;
}

/** A file that has been changed or is gone since it was chosen cannot be read. */
async function read(blob: Blob): Promise<Uint8Array<ArrayBuffer>> {
  try {
    return new Uint8Array(await blob.arrayBuffer());
  } catch {
    throw new Refused({ code: "file_unreadable", detail: "The file has been changed or is gone." });
  }
}

/** Base64url without padding. */
function text(bytes: Uint8Array): string {
  const base64 = btoa(String.fromCharCode(...bytes));
  return base64.replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}
