import { onCleanup } from "solid-js";

/** Who presses twice in a place within this means the same thing twice. */
const TWICE_MS = 300;
const TWICE_PX = 10;

interface Press {
  on: Element | null;
  x: number;
  y: number;
  at: number;
}

const controlOf = ({ target }: Event): Element | null =>
  target instanceof Element ? (target.closest("a, button, [role], input, textarea") ?? target) : null;

const nameOf = (element: Element | null) => element?.getAttribute("aria-label") ?? element?.textContent;

/** What was made anew since is the same, if it is called so. */
const same = (before: Element | null, now: Element | null) =>
  before === now || (before?.isConnected === false && nameOf(before) === nameOf(now));

/**
 * The second press of a double click is for what the first one was for, and not for what has come in
 * its place since: the microphone where "Send" was, a button of the page where a dialog was.
 */
export function keepDoubleClicks(): void {
  let last: Press | undefined;
  let swallowed = false;

  const isSecond = (press: Press) =>
    last !== undefined &&
    press.at - last.at < TWICE_MS &&
    Math.hypot(press.x - last.x, press.y - last.y) < TWICE_PX &&
    !same(last.on, press.on);

  const swallow = (event: Event) => {
    event.preventDefault();
    event.stopImmediatePropagation();
  };

  const down = (event: PointerEvent) => {
    if (!event.isPrimary || event.button !== 0) return;
    const press = { on: controlOf(event), x: event.clientX, y: event.clientY, at: event.timeStamp };
    swallowed = isSecond(press);
    if (swallowed) swallow(event);
    else last = press;
  };

  /** What is typed between two presses makes two of them. */
  const typed = () => {
    last = undefined;
  };

  /** `detail`: 0 for a key, and for what a program clicks. */
  const click = (event: MouseEvent) => {
    if (swallowed && event.detail > 0) swallow(event);
  };

  addEventListener("pointerdown", down, true);
  addEventListener("click", click, true);
  addEventListener("input", typed, true);
  onCleanup(() => {
    removeEventListener("pointerdown", down, true);
    removeEventListener("click", click, true);
    removeEventListener("input", typed, true);
  });
}
