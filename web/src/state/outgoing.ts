/** What is on its way: its progress, and pictures that this page still has in its hands. */

import { type Accessor, createSignal } from "solid-js";
import type { Attachment, Outgoing } from "../bridge/protocol";
import { listen } from "./bridge";
import { perFrame } from "./frame";

/** Pictures of this browser's own that are kept for rows, so that sending never flickers. */
const PICTURES_MAX = 30;

/** Addresses of blobs by random id; the oldest ones are given up. */
export class OwnPictures {
  readonly #addresses = new Map<number, string>();

  /** What was just sent, in the order in which it was. */
  keep(sent: readonly Outgoing[], files: readonly Attachment[]): void {
    const withFile = sent.filter((outgoing) => outgoing.file);
    for (const [at, outgoing] of withFile.entries()) {
      const file = files[at];
      if (file) this.#put(outgoing.randomId, file.blob);
    }
  }

  of(randomId: number | undefined): string | undefined {
    return randomId === undefined ? undefined : this.#addresses.get(randomId);
  }

  #put(randomId: number, blob: Blob): void {
    this.#addresses.set(randomId, URL.createObjectURL(blob));
    for (const [oldest, address] of this.#addresses) {
      if (this.#addresses.size <= PICTURES_MAX) break;
      this.#addresses.delete(oldest);
      URL.revokeObjectURL(address);
    }
  }
}

/** Bytes that are stored of files that are on their way, told once a frame. */
export function createProgress(chatId: string): {
  of: Accessor<ReadonlyMap<number, number>>;
  end: () => void;
} {
  const [sent, setSent] = createSignal<ReadonlyMap<number, number>>(new Map());
  const told = new Map<number, number>();
  const frame = perFrame(() => setSent(new Map(told)));
  const silence = listen((notice) => {
    if (notice.kind !== "progress" || notice.chatId !== chatId) return;
    told.set(notice.key, notice.sent);
    frame.ask();
  });
  const end = () => {
    silence();
    frame.end();
  };
  return { of: sent, end };
}
