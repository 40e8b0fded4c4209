/** Of a text, the piece around what was looked for. */

export interface Piece {
  text: string;
  hit: boolean;
}

const BEFORE = 24;
const LENGTH = 120;

/** Case and marks of letters do not count, as in the search itself. */
function folded(text: string): { text: string; at: number[] } {
  let result = "";
  const at: number[] = [];
  let offset = 0;
  for (const character of text) {
    const plain = character.normalize("NFKD").replace(/\p{M}/gu, "").toLowerCase();
    for (let i = 0; i < plain.length; i += 1) at.push(offset);
    result += plain;
    offset += character.length;
  }
  at.push(offset);
  return { text: result, at };
}

/** The first word of what was looked for that is there is marked. */
export function snippet(text: string, wanted: string): Piece[] {
  const line = text.replace(/\s+/gu, " ").trim();
  const { text: plain, at } = folded(line);
  const needle = folded(wanted.trim()).text;
  for (const word of [needle, ...needle.split(/\s+/u)]) {
    const found = word === "" ? -1 : plain.indexOf(word);
    if (found === -1) continue;
    const from = at[found] ?? 0;
    const to = at[found + word.length] ?? line.length;
    const begin = wordStart(line, from);
    return [
      { text: (begin > 0 ? "…" : "") + line.slice(begin, from), hit: false },
      { text: line.slice(from, to), hit: true },
      { text: line.slice(to, from + LENGTH), hit: false },
    ].filter((piece) => piece.text !== "");
  }
  return [{ text: line.slice(0, LENGTH), hit: false }];
}

/** Where a piece begins that has the hit in sight: not within a word. */
function wordStart(line: string, hit: number): number {
  if (hit <= BEFORE) return 0;
  const space = line.indexOf(" ", hit - BEFORE);
  return space === -1 || space >= hit ? hit : space + 1;
}
