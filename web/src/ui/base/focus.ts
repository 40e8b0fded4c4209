/** Focus that would be lost, because what has it goes away. */

import { onCleanup } from "solid-js";

/** What has the focus, and what that is in which can have it: some of it may be gone later. */
export type Focused = readonly HTMLElement[];

export function focused(element: Element | null = document.activeElement): Focused {
  const all: HTMLElement[] = [];
  for (let at = element; at instanceof HTMLElement && at !== document.body; at = at.parentElement) {
    if (at === element || at.tabIndex >= 0) all.push(at);
  }
  return all;
}

/** To where it was, or else to where one goes on: of the homes on the page the innermost comes last. */
export function giveFocusBack(before: Focused): void {
  const active = document.activeElement;
  if (active !== null && active !== document.body && active.isConnected) return;
  const home = [...document.querySelectorAll<HTMLElement>("[data-focus-home]")].at(-1);
  (before.find((one) => one.isConnected) ?? home)?.focus({ preventScroll: true });
}

/** For a `ref`: an element that goes away while it is used gives the focus back to where it came from. */
export function keepFocus(box: HTMLElement): void {
  let before: Focused = [];
  box.addEventListener("focusin", ({ relatedTarget }) => {
    if (relatedTarget instanceof Element && !box.contains(relatedTarget)) before = focused(relatedTarget);
  });
  onCleanup(() => {
    if (box.contains(document.activeElement)) queueMicrotask(() => giveFocusBack(before));
  });
}
