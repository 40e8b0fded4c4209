/**
 * The keyboard of a telephone. Some browsers make the page smaller for it; others lay it over the page
 * and move the page up behind it. There, the page makes room itself, and takes it back.
 */

import { onCleanup, onMount } from "solid-js";

/** Less than this is a bar of the browser, or rounding. */
const KEYBOARD_PX_MIN = 60;

/** How much of an element's lower edge is covered, as `--covered`, as long as the component lives. */
export function useKeyboard(box: () => HTMLElement): void {
  const viewport = window.visualViewport;
  if (viewport === null) return;
  const measure = () => {
    // Zoomed in with two fingers, everything is partly out of sight.
    const covered = viewport.scale > 1.01 ? 0 : innerHeight - viewport.height;
    const isKeyboard = covered >= KEYBOARD_PX_MIN;
    if (isKeyboard) box().style.setProperty("--covered", `${covered}px`);
    else box().style.removeProperty("--covered");
    // The page itself never scrolls: what the browser has moved away comes back.
    if (viewport.scale <= 1.01 && (scrollY > 0 || viewport.offsetTop > 0)) scrollTo(0, 0);
  };
  onMount(() => {
    viewport.addEventListener("resize", measure);
    viewport.addEventListener("scroll", measure);
    measure();
  });
  onCleanup(() => {
    viewport.removeEventListener("resize", measure);
    viewport.removeEventListener("scroll", measure);
  });
}
