import type { Numbered } from "../../contract";

/** So many that came too early are kept; more of them come with the difference. */
const HELD_MAX = 1_000;

export interface Passed {
  ready: Numbered[];
  pts: number;
  /** What came too early and waits for what is missing. */
  held: ReadonlyMap<number, Numbered>;
}

/** Which updates are next, of those that were held and those that came: each once, in order. */
export function pass(pts: number, held: ReadonlyMap<number, Numbered>, came: readonly Numbered[]): Passed {
  const waiting = new Map<number, Numbered>();
  for (const one of [...held.values(), ...came])
    if (one.pts > pts && !waiting.has(one.pts)) waiting.set(one.pts, one);
  const ready: Numbered[] = [];
  for (let next = waiting.get(pts + 1); next; next = waiting.get(pts + 1)) {
    ready.push(next);
    waiting.delete(next.pts);
    pts = next.pts;
  }
  if (waiting.size > HELD_MAX) {
    const nearest = [...waiting.entries()].sort(([a], [b]) => a - b).slice(0, HELD_MAX);
    return { ready, pts, held: new Map(nearest) };
  }
  return { ready, pts, held: waiting };
}
