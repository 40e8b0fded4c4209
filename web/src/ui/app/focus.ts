import { covered } from "../base";

/**
 * Another place in the page: who hears it should hear where they are. A view that has a better place
 * for the focus (the composer) has taken it by then, and a person who goes through the list keeps
 * the row.
 */
export function focusRoute(): void {
  requestAnimationFrame(() => {
    const active = document.activeElement;
    const lost = active === null || active === document.body || hidden(active);
    if (!lost || covered()) return;
    const main = document.querySelector<HTMLElement>("main[data-focus-home]");
    const row = document.querySelector<HTMLElement>(".chat-row[tabindex='0'], .actions > .button");
    (main ?? row)?.focus({ preventScroll: true });
  });
}

/** On a telephone the list is behind the chat, or the chat behind the list. */
function hidden(element: Element): boolean {
  return getComputedStyle(element).visibility === "hidden";
}
