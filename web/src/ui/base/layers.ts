/**
 * What lies over the page, from the lowest to the topmost. Only the topmost takes keys and focus;
 * what lies under it is inert. Whatever had the focus gets it back.
 */

import { createSignal, onCleanup } from "solid-js";
import { isComposing } from "./composing";
import { type Focused, focused, giveFocusBack } from "./focus";

interface Layer {
  close: () => void;
}

const [stack, setStack] = createSignal<readonly Layer[]>([]);

/** Something lies over the page. */
export function covered(): boolean {
  return stack().length > 0;
}

/** What had the focus before the lowest of them came; kept until it has the focus again. */
let opener: Focused | undefined;
/** Where that was. */
let place = "";

/** For a component that lies over the page as long as it lives: whether it is the topmost. */
export function useLayer(close: () => void): () => boolean {
  const layer: Layer = { close };
  const before = focused();
  // One that takes the place of another gives the focus back to what opened that one.
  if (!covered() && opener === undefined) [opener, place] = [before, location.pathname];
  setStack((all) => [...all, layer]);
  onCleanup(() => {
    setStack((all) => all.filter((other) => other !== layer));
    queueMicrotask(() => {
      if (covered()) return giveFocusBack(before);
      // Whoever was led elsewhere has the focus there.
      if (place === location.pathname) giveFocusBack(opener ?? []);
      opener = undefined;
    });
  });
  return () => stack().at(-1) === layer;
}

document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape" || isComposing(event) || event.defaultPrevented) return;
  const top = stack().at(-1);
  if (top === undefined) return;
  event.preventDefault();
  top.close();
});
