/** What a screen reader says because it happened. */

import { createSignal } from "solid-js";

interface Line {
  text: string;
}

/** Until it has been heard; later, whoever reads through the page should not come across it. */
export const HEARD_MS = 5000;

const [lines, setLines] = createSignal<readonly Line[]>([]);
export const announced = lines;

/** Said once, when nothing else is being said. */
export function announce(text: string): void {
  const line = { text };
  setLines((all) => [...all, line]);
  setTimeout(() => setLines((all) => all.filter((other) => other !== line)), HEARD_MS);
}
