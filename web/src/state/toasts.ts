/** Short words at the edge of the page: what was done, how to undo it, what went wrong. */

import { createSignal } from "solid-js";
import { Refused } from "../bridge/bridge";
import { t } from "../i18n";
import { refusalText } from "../i18n/refusal";
import { loadClient } from "../sw/register";
import { announce } from "./announce";
import { onLeave } from "./leaving";

export interface Toast {
  id: number;
  text: string;
  kind: "done" | "problem";
  /** What the button does, and what it is called where it is not "Undo". */
  act?: () => void;
  actLabel?: string;
}

/** As long as somebody needs to read it and to decide; it waits while it is looked at. */
export const TOAST_MS = 7000;

const [shown, setShown] = createSignal<readonly Toast[]>([]);
export const toasts = shown;

let last = 0;
const endings = new Map<number, () => Promise<void>>();

function show(toast: Omit<Toast, "id">, ended?: () => Promise<void>): number {
  const id = ++last;
  if (ended !== undefined) endings.set(id, ended);
  // What only tells gives way to what is newer; of the others only the latest few are there, for
  // more would cover what one works at.
  for (const old of shown()) if (old.kind === "done" && old.act === undefined) dismissToast(old.id);
  for (const old of shown().slice(0, -2)) dismissToast(old.id);
  setShown((all) => [...all, { ...toast, id }]);
  announce(toast.act === undefined ? toast.text : `${toast.text}\n${actionOf(toast)}`);
  return id;
}

/** Takes it away; resolves when what was put off until then is done. */
async function end(id: number): Promise<void> {
  setShown((all) => all.filter((toast) => toast.id !== id));
  const ended = endings.get(id);
  endings.delete(id);
  await ended?.();
}

export function dismissToast(id: number): void {
  void end(id);
}

/** Nothing that is shown, and nothing that was put off, outlives the account that it is of. */
export async function dismissToasts(): Promise<void> {
  await Promise.all(shown().map(({ id }) => end(id)));
}

/** What its button is called. */
export function actionOf(toast: Pick<Toast, "actLabel">): string {
  return toast.actLabel ?? t.shell.undo;
}

/** Its button was pressed. */
export function actOnToast(toast: Toast): void {
  endings.delete(toast.id);
  dismissToast(toast.id);
  toast.act?.();
  if (toast.actLabel === undefined) announce(t.shell.undone);
}

/** It is done; `undo` does the opposite. */
export function told(text: string, undo?: () => void): void {
  show({ text, kind: "done", ...(undo === undefined ? {} : { act: undo }) });
}

/** With a button of another name than "Undo". */
export function offered(text: string, actLabel: string, act: () => void): void {
  show({ text, kind: "done", act, actLabel });
}

export function problem(text: string): void {
  show({ text, kind: "problem" });
}

/** What a promise was refused with, in words. Where nothing will go before the page is loaded again,
 * with a button that does that. */
export function failed(error: unknown): void {
  if (!(error instanceof Refused)) console.error(error);
  else if (error.code === "outdated") return offered(refusalText(error), t.shell.reload, () => void loadClient());
  problem(refusalText(error));
}

/**
 * What has no opposite is done when nobody has undone it: after the toast, or when the page is
 * hidden or goes.
 * `undone` puts back what the page shows already.
 */
export function later(text: string, act: () => Promise<unknown>, undone: () => void): void {
  const run = async () => {
    try {
      await act();
    } catch (error) {
      undone();
      failed(error);
    }
  };
  show({ text, kind: "done", act: undone }, run);
}

// A page that is hidden may be ended without another word.
onLeave(() => {
  for (const id of [...endings.keys()]) dismissToast(id);
});
