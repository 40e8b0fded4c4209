/**
 * The parts that a message is shown with. A new kind of content is one more of them: nothing else has
 * to know. They stand in the order in which they are read; CSS puts some above the text.
 */

import type { Media } from "../../../contract";
import type { Entry } from "../rows";
import { AudioPart } from "./audio";
import { FilePart } from "./file";
import { ForwardPart } from "./forward";
import type { Part } from "./part";
import { PicturePart } from "./picture";
import { QuotePart } from "./quote";
import { TextPart } from "./text";
import { UnknownPart } from "./unknown";

type Kind = Media["kind"];

export function kindOf(entry: Entry): Kind | undefined {
  return entry.media?.kind ?? entry.outgoing?.file?.kind;
}

export function isPicture(entry: Entry): boolean {
  const kind = kindOf(entry);
  return kind === "photo" || kind === "video";
}

const KNOWN: ReadonlySet<string> = new Set<Kind>(["photo", "video", "audio", "voice", "file"]);
const SOUNDS: ReadonlySet<string | undefined> = new Set<Kind>(["audio", "voice"]);

/** Nothing that this page knows how to show. */
function isUnknown(entry: Entry): boolean {
  const kind = kindOf(entry);
  if (kind !== undefined && !KNOWN.has(kind)) return true;
  return kind === undefined && entry.text === "" && !entry.outgoing?.forward;
}

export const PARTS: readonly Part[] = [
  { name: "text", shows: (entry) => entry.text !== "", view: TextPart, meta: true },
  { name: "forward", shows: (entry) => entry.message?.forward !== undefined, view: ForwardPart },
  { name: "quote", shows: (entry) => entry.replyTo !== 0, view: QuotePart },
  { name: "picture", shows: isPicture, view: PicturePart, meta: true },
  { name: "audio", shows: (entry) => SOUNDS.has(kindOf(entry)), view: AudioPart, meta: true },
  { name: "file", shows: (entry) => kindOf(entry) === "file", view: FilePart, meta: true },
  { name: "unknown", shows: isUnknown, view: UnknownPart, meta: true },
];

/** The parts of a message. */
export function partsOf(entry: Entry): Part[] {
  return PARTS.filter((part) => part.shows(entry));
}
