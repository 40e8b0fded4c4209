/** What a text says by itself: its links, and whether it is nothing but a few emoji. */

import { LINKS_MAX } from "../../state/window";

/** A piece of a text; the pieces in a row are the text. */
export interface TextPart {
  text: string;
  href?: string;
}

// A scheme or `www.`, or a name under a well-known top level domain; up to a space or a bracket.
const LINK =
  /(?<![\p{L}\p{N}_@./-])(?:https?:\/\/|www\.)[^\s<>"“”«»]+|(?<![\p{L}\p{N}_@./-])[\p{L}\p{N}][\p{L}\p{N}-]*(?:\.[\p{L}\p{N}-]+)*\.(?:com|org|net|de|io|dev|eu|info|at|ch|fr|uk|app|me)(?![\p{L}\p{N}_-]|\.[\p{L}\p{N}])(?:[/?#][^\s<>"“”«»]*)?|(?<![\p{L}\p{N}_.+-])[\p{L}\p{N}_.+-]+@[\p{L}\p{N}-]+(?:\.[\p{L}\p{N}-]+)+/giu;

const CLOSES: Readonly<Record<string, string>> = { ")": "(", "]": "[", "}": "{" };

/** Without punctuation at its end that belongs to the sentence, and brackets that it did not open. */
function withoutTail(link: string): string {
  let end = link.length;
  while (end > 0) {
    const last = link.charAt(end - 1);
    const opens = CLOSES[last];
    const before = link.slice(0, end);
    const unpaired = opens && before.split(last).length > before.split(opens).length;
    if (!unpaired && !/[.,:;!?'"…،؟。*_~]/u.test(last)) break;
    end--;
  }
  return link.slice(0, end);
}

function addressOf(link: string): string | undefined {
  const address = /^https?:\/\//i.test(link)
    ? link
    : link.includes("@") && !/[/?]/.test(link)
      ? `mailto:${link}`
      : `https://${link}`;
  return URL.canParse(address) ? address : undefined;
}

/** Links of the web and of mail are found, up to a number; nothing else ever becomes a link. */
export function textParts(text: string): TextPart[] {
  const parts: TextPart[] = [];
  let [done, links] = [0, 0];
  for (const match of text.matchAll(LINK)) {
    if (links === LINKS_MAX) break;
    const link = withoutTail(match[0]);
    const href = link && addressOf(link);
    if (!href) continue;
    if (match.index > done) parts.push({ text: text.slice(done, match.index) });
    parts.push({ text: link, href });
    links++;
    done = match.index + link.length;
  }
  if (done < text.length) parts.push({ text: text.slice(done) });
  return parts;
}

const PICTOGRAPH = "(?:\\p{Emoji_Presentation}|\\p{Extended_Pictographic}\\uFE0F)";
const ONE =
  `(?:\\p{RI}\\p{RI}|[0-9#*]\\uFE0F?\\u20E3|` +
  `(?:${PICTOGRAPH}|\\p{Emoji_Modifier_Base})\\p{Emoji_Modifier}?[\\u{E0020}-\\u{E007F}]*` +
  `(?:\\u200D\\p{Extended_Pictographic}(?:\\uFE0F|\\p{Emoji_Modifier})?)*)`;
const ONE_EMOJI = new RegExp(ONE, "gu");
const ONLY_EMOJI = new RegExp(`^(?:${ONE}\\s?)+$`, "u");

/** How many emoji a text is made of, if it is nothing else and they are at most three; 0 if not. */
export function emojiOnly(text: string): 0 | 1 | 2 | 3 {
  const trimmed = text.trim();
  if (trimmed.length === 0 || trimmed.length > 120 || !ONLY_EMOJI.test(trimmed)) return 0;
  const count = trimmed.match(ONE_EMOJI)?.length ?? 0;
  return count <= 3 ? (count as 0 | 1 | 2 | 3) : 0;
}
