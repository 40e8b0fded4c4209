import { type Component, lazy as solidLazy } from "solid-js";
import { Refused } from "../../bridge/bridge";
import { failed } from "../../state/toasts";

/**
 * A part of the page that is loaded when it is first shown. If it cannot be had, that is said and
 * its place stays empty; the rest goes on, until the page is loaded again (`sw/update.ts`).
 */
export function lazy<P extends object>(
  load: () => Promise<{ default: Component<P> }>,
): Component<P> {
  return solidLazy(() =>
    load().catch(() => {
      failed(new Refused({ code: "offline", detail: "" }));
      return new Promise<never>(() => undefined);
    }),
  );
}
