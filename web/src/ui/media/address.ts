/** Where the files of messages are. */

import type { Entry } from "../chat/rows";

const path = (way: string, entry: Entry, fileId: string) =>
  `/media/${way}/${encodeURIComponent(entry.message!.chat_id)}/${entry.id}/${fileId}`;

/** The whole file. Undefined as long as it is on its way. */
export function fileAddress(entry: Entry): string | undefined {
  return entry.id && entry.media ? path("file", entry, entry.media.file_id) : undefined;
}

/** Its small picture, if it has one. */
export function thumbAddress(entry: Entry): string | undefined {
  const thumb = entry.media?.thumb;
  return entry.id && thumb ? path("thumb", entry, thumb.file_id) : undefined;
}

const blurred = new Map<string, string>();
const BLURRED_MAX = 200;

/** The tiny picture that comes with a message, as an address of a blob: made once. */
export function previewAddress(preview: string | undefined): string | undefined {
  if (!preview) return undefined;
  const known = blurred.get(preview);
  if (known) return known;
  try {
    const bytes = Uint8Array.from(atob(preview), (char) => char.charCodeAt(0));
    const address = URL.createObjectURL(new Blob([bytes], { type: "image/webp" }));
    blurred.set(preview, address);
    for (const [oldest, old] of blurred) {
      if (blurred.size <= BLURRED_MAX) break;
      blurred.delete(oldest);
      URL.revokeObjectURL(old);
    }
    return address;
  } catch {
    return undefined;
  }
}
