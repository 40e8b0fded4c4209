/**
 * Where the person is: a chat (and a message in it), a page of the settings, or the list alone; and
 * what lies over it. Each is an entry of the browser's history, so that "back" closes what lies on top,
 * then the chat, and then leaves; a reload and a link come to the same place.
 */

import { createSignal } from "solid-js";

/** What lies over the page as a dialog. */
export type Overlay =
  | { kind: "new-chat" }
  | { kind: "new-group" }
  | { kind: "contacts" }
  | { kind: "shortcuts" }
  /** `nested`: it was opened from another dialog, to which it leads back. */
  | { kind: "person"; userId: number; nested?: true }
  | { kind: "chat-info"; chatId: string }
  | { kind: "add-members"; chatId: string }
  | OverChat;

/** What lies over the open chat, of which only this page has what it is about. */
type OverChat =
  | { kind: "attach" }
  | { kind: "look"; messageId: number }
  | { kind: "seen-by"; messageId: number }
  | { kind: "forward"; ids: readonly number[] }
  | { kind: "delete"; ids: readonly number[] };

const OVER_CHAT: ReadonlySet<string> = new Set<OverChat["kind"]>(["attach", "look", "seen-by", "forward", "delete"]);

export const SETTINGS_PAGES = [
  "profile",
  "appearance",
  "notifications",
  "sessions",
  "password",
  "blocked",
  "shortcuts",
  "storage",
] as const;
export type SettingsPage = (typeof SETTINGS_PAGES)[number];

export interface Route {
  view: "list" | "chat" | "settings";
  chatId?: string;
  /** The message that was asked for. Asking for the same one again makes another route. */
  messageId?: number;
  page?: SettingsPage;
  overlay?: Overlay;
}

/** Kept with each entry of the history: how many of ours lie below it. */
interface Entry {
  depth: number;
  overlay?: Overlay;
}

export function parseRoute(path: string, hash: string, overlay?: Overlay): Route {
  const over = overlay === undefined ? {} : { overlay };
  const [first, second] = path.split("/").filter(Boolean).map(decoded);
  if (first === "c" && second !== undefined) {
    const message = /^#m([1-9]\d*)$/.exec(hash);
    const at = message === null ? {} : { messageId: Number(message[1]) };
    return { view: "chat", chatId: second, ...at, ...over };
  }
  if (first === "settings") {
    const page = SETTINGS_PAGES.find((p) => p === second);
    return { view: "settings", ...(page === undefined ? {} : { page }), ...over };
  }
  return { view: "list", ...over };
}

export function routePath(route: Route): string {
  if (route.view === "chat") return chatPath(route.chatId ?? "", route.messageId);
  if (route.view === "settings") return route.page ? `/settings/${route.page}` : "/settings";
  return "/";
}

export function chatPath(chatId: string, messageId?: number): string {
  return `/c/${encodeURIComponent(chatId)}${messageId === undefined ? "" : `#m${messageId}`}`;
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

function entry(): Entry {
  const state: unknown = history.state;
  return typeof state === "object" && state !== null && "depth" in state
    ? (state as Entry)
    : { depth: 0 };
}

function here(): Route {
  return parseRoute(location.pathname, location.hash, entry().overlay);
}

const [current, setCurrent] = createSignal<Route>(here(), { equals: false });

/** Where the person is now. */
export const route = current;

/** How deep the last entry was that is known. */
let depthWas = entry().depth;
history.replaceState({ ...entry() }, "");

/** "Back" was asked for, and browsers take their time. */
let leaving = false;

addEventListener("popstate", () => {
  leaving = false;
  const next = here();
  // The person has typed the address of another message: an entry that the browser has made.
  if (history.state === null && next.chatId !== undefined && next.chatId === current().chatId) {
    history.replaceState({ depth: depthWas + 1 } satisfies Entry, "");
  }
  depthWas = entry().depth;
  setCurrent(next);
});

function go(next: Route, replace: boolean): void {
  if (leaving) return addEventListener("popstate", () => go(next, replace), { once: true });
  const { depth } = entry();
  const state: Entry = { depth: replace ? depth : depth + 1 };
  if (next.overlay !== undefined) state.overlay = next.overlay;
  history[replace ? "replaceState" : "pushState"](state, "", routePath(next));
  depthWas = state.depth;
  setCurrent(next);
}

/** From one chat to another "back" leads to the list, not through all that were looked at. */
export function openChat(chatId: string, messageId?: number): void {
  const before = current();
  const at = messageId === undefined ? {} : { messageId };
  go({ view: "chat", chatId, ...at }, before.view === "chat" || before.overlay !== undefined);
}

/** To another message of the open chat; "back" leads to where one was. */
export function openMessage(messageId: number): void {
  const { chatId } = current();
  if (chatId !== undefined) go({ view: "chat", chatId, messageId }, false);
}

/** How many entries of ours lie below: fewer than before after "back". */
export function routeDepth(): number {
  return entry().depth;
}

/** A path of the page, as a notification has it. */
export function openPath(path: string): void {
  const { pathname, hash } = new URL(path, location.origin);
  const to = parseRoute(pathname, hash);
  if (to.view === "chat" && to.chatId !== undefined) openChat(to.chatId, to.messageId);
  else go(to, false);
}

export function openSettings(page?: SettingsPage): void {
  const before = current();
  go(
    { view: "settings", ...(page === undefined ? {} : { page }) },
    before.view === "settings" && before.page !== undefined,
  );
}

/** `instead`: of the one that is open, to which "back" does not lead then. */
export function openOverlay(overlay: Overlay, instead = false): void {
  go({ ...current(), overlay }, instead);
}

/** One step up. A link that was opened from outside has nothing of ours below it. */
export function back(): void {
  if (leaving) return;
  leaving = entry().depth > 0;
  if (leaving) history.back();
  else go(above(current()), true);
}

/** To the list, without what lies between. */
export function openList(): void {
  if (current().view !== "list" || current().overlay !== undefined) go({ view: "list" }, true);
}

function above(from: Route): Route {
  if (from.overlay !== undefined) {
    const { overlay: _, ...under } = from;
    return under;
  }
  return from.view === "settings" && from.page !== undefined
    ? { view: "settings" }
    : { view: "list" };
}

/** Whether a click on a link should stay in the page: not one that asks for another tab. */
export function isPlainClick(event: MouseEvent): boolean {
  return event.button === 0 && !event.metaKey && !event.ctrlKey && !event.shiftKey && !event.altKey;
}

// The page was loaded again.
if (OVER_CHAT.has(current().overlay?.kind ?? "")) back();
