/** Texts that are too long for one message. Characters are code points, as the server counts. */

/** Code points of a text. */
export function lengthOf(text: string): number {
  let length = text.length;
  for (let at = 0; at < text.length - 1; at++) {
    const unit = text.charCodeAt(at);
    if (unit < 0xd800 || unit > 0xdbff) continue;
    const next = text.charCodeAt(at + 1);
    if (next >= 0xdc00 && next <= 0xdfff) {
      length--;
      at++;
    }
  }
  return length;
}

/** Where a piece should end: after a paragraph, a line, a sentence or a word of its second half. */
function breakAt(points: readonly string[], from: number, most: number): number {
  const hard = from + most;
  const text = points.slice(from, hard).join("");
  for (const pattern of [/\n\n(?!.*\n\n)/s, /\n(?!.*\n)/s, /[.!?؟。]\s(?!.*[.!?؟。]\s)/s, /\s(?!.*\s)/s]) {
    const found = pattern.exec(text);
    if (!found) continue;
    const end = lengthOf(text.slice(0, found.index + found[0].length));
    if (end > most / 2) return from + end;
  }
  const segments = [...new Intl.Segmenter(undefined, { granularity: "grapheme" }).segment(text)];
  const last = segments.at(-1);
  const whole = last ? lengthOf(text.slice(0, last.index)) : 0;
  // A character of several code points is not torn apart, if it is not absurdly long itself.
  return whole > most / 2 ? from + whole : hard;
}

/** Pieces of at most that many characters; joined they are the text. */
export function split(text: string, most: number): string[] {
  const points = Array.from(text);
  const pieces: string[] = [];
  let from = 0;
  while (points.length - from > most) {
    const end = breakAt(points, from, most);
    pieces.push(points.slice(from, end).join(""));
    from = end;
  }
  if (from < points.length) pieces.push(points.slice(from).join(""));
  return pieces;
}
