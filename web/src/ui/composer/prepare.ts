/** Files of a person, looked at before they are sent: what they are, and how large they are shown. */

import type { Attachment } from "../../bridge/protocol";
import type { MediaKind } from "../../contract";
import { limit } from "../../state/session";

/** What does not tell its sides in this time is sent as it is. */
const LOOK_MS_MAX = 4000;

interface Facts {
  width?: number;
  height?: number;
  durationMs?: number;
}

function within<T>(looked: Promise<T>): Promise<T> {
  const late = new Promise<never>((_, reject) => setTimeout(reject, LOOK_MS_MAX, new Error("late")));
  return Promise.race([looked, late]);
}

async function lookAtPhoto(address: string): Promise<Facts> {
  const image = new Image();
  image.src = address;
  await image.decode();
  return { width: image.naturalWidth, height: image.naturalHeight };
}

function lookAtFilm(address: string, tag: "video" | "audio"): Promise<Facts> {
  return new Promise((resolve, reject) => {
    const media = document.createElement(tag);
    media.preload = "metadata";
    media.onerror = () => reject(new Error("not playable"));
    media.onloadedmetadata = () => {
      const sides = media instanceof HTMLVideoElement ? { width: media.videoWidth, height: media.videoHeight } : {};
      const durationMs = Number.isFinite(media.duration) ? { durationMs: Math.round(media.duration * 1000) } : {};
      resolve({ ...sides, ...durationMs });
      media.removeAttribute("src");
      media.load();
    };
    media.src = address;
  });
}

/** What it could be shown as, by its type alone. */
function wantedKind(file: File): MediaKind {
  const [type] = file.type.split("/");
  if (file.type === "image/svg+xml") return "file";
  if (type === "image") return file.size <= limit("photo_bytes_max") ? "photo" : "file";
  return type === "video" || type === "audio" ? type : "file";
}

/** What this browser cannot show is sent as a file. */
export async function prepare(file: File): Promise<Attachment> {
  const base = { blob: file, name: file.name, mime: file.type || "application/octet-stream" };
  const kind = wantedKind(file);
  if (kind === "file") return { ...base, kind };
  const address = URL.createObjectURL(file);
  try {
    const facts = await within(
      kind === "photo" ? lookAtPhoto(address) : lookAtFilm(address, kind === "video" ? "video" : "audio"),
    );
    const seen = kind === "audio" || (facts.width && facts.height);
    return seen ? { ...base, kind, ...facts } : { ...base, kind: "file" };
  } catch {
    return { ...base, kind: "file" };
  } finally {
    URL.revokeObjectURL(address);
  }
}

/** The same, to be sent as it is: not shown, not changed. */
export function asFile(attachment: Attachment): Attachment {
  const { blob, name, mime } = attachment;
  return { blob, name, mime, kind: "file" };
}
