/**
 * What was chosen or spoken for a chat and is not sent yet. It belongs to its chat and outlives the view
 * of it; neither the page nor the account.
 */

import { createEffect, createRoot, createSignal, on } from "solid-js";
import type { Attachment } from "../bridge/protocol";
import { beforeReload } from "../sw/register";
import { myId } from "./session";

interface Unsent {
  files: readonly File[];
  voice: Attachment | undefined;
}

const NOTHING: Unsent = { files: [], voice: undefined };

const [all, setAll] = createSignal<ReadonlyMap<string, Unsent>>(new Map());

export function unsent(chatId: string): Unsent {
  return all().get(chatId) ?? NOTHING;
}

export function keepUnsent(chatId: string, change: Partial<Unsent>): void {
  const kept = { ...unsent(chatId), ...change };
  const others = [...all()].filter(([id]) => id !== chatId);
  const some = kept.files.length > 0 || kept.voice !== undefined;
  setAll(new Map(some ? [...others, [chatId, kept]] : others));
}

beforeReload({ busy: () => all().size > 0 });

createRoot(() => createEffect(on(myId, () => setAll(new Map()), { defer: true })));
