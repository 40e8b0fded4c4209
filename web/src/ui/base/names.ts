/** How a name looks where there is no picture. */

const HUES = 8;

/** The same for a person wherever they are shown. */
export function hueOf(id: number | string): number {
  let sum = 0;
  for (const character of String(id)) sum = (sum * 31 + (character.codePointAt(0) ?? 0)) % 65521;
  return sum % HUES;
}

const segmenter =
  typeof Intl.Segmenter === "function" ? new Intl.Segmenter(undefined, { granularity: "grapheme" }) : undefined;

function firstSign(word: string): string {
  if (segmenter === undefined) return [...word][0] ?? "";
  for (const { segment } of segmenter.segment(word)) return segment;
  return "";
}

/**
 * The first signs of the first and the last word, as whole as people see them (an emoji is one). In
 * scripts without capitals one sign: two that belong to no word would be joined to another.
 */
export function initialsOf(name: string): string {
  const words = name.trim().split(/\s+/u).filter(Boolean);
  const first = firstSign(words[0] ?? "");
  if (first.toLocaleUpperCase() === first.toLocaleLowerCase()) return first;
  const last = words.length > 1 ? firstSign(words[words.length - 1] ?? "") : "";
  return (first + last).toLocaleUpperCase();
}
