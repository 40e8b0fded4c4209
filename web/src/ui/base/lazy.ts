import { type Component, lazy as solidLazy } from "solid-js";
import { Refused } from "../../bridge/bridge";
import { failed } from "../../state/toasts";
import { needed } from "../../sw/register";

type Load = () => Promise<unknown>;

/** Of parts that are not there yet. Those that are in a part are among them when it is. */
const absent = new Set<Load>();

/**
 * A part of the page that is loaded when it is first shown, or when the page rests (`preload`). If it
 * cannot be had, that is said and its place stays empty; the rest goes on, until the page is loaded
 * again (`sw/update.ts`).
 */
export function lazy<P extends object>(
  load: () => Promise<{ default: Component<P> }>,
): Component<P> {
  absent.add(load);
  return solidLazy(() =>
    needed(load()).catch(() => {
      failed(new Refused({ code: "offline", detail: "" }));
      return new Promise<never>(() => undefined);
    }),
  );
}

/**
 * Loads all parts, one after the other, when there is nothing else to do: they may be wanted when
 * there is no connection. Nobody waits for them, so what cannot be had is passed over without a word.
 */
export async function preload(): Promise<void> {
  for (const load of absent) {
    await idle();
    await load().then(
      () => absent.delete(load),
      () => undefined,
    );
  }
}

/** Safari has no `requestIdleCallback`. */
function idle(): Promise<unknown> {
  return new Promise((resolve) => {
    if (typeof requestIdleCallback === "function") requestIdleCallback(resolve, { timeout: 2000 });
    else setTimeout(resolve, 200);
  });
}
