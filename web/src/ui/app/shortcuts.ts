import { onCleanup } from "solid-js";
import { chatOrder } from "../../state/chats";
import { back, openChat, openOverlay, openSettings, route } from "../../state/route";
import { settings } from "../../state/settings";
import { actOnToast, toasts } from "../../state/toasts";
import { covered, isComposing } from "../base";

/** What can be done by a key. `typed`: also while one writes. */
interface Shortcut {
  name: ShortcutName;
  keys: readonly string[];
  matches: (event: KeyboardEvent) => boolean;
  typed: boolean;
  act: () => boolean;
}

export type ShortcutName =
  | "search"
  | "newChat"
  | "previousChat"
  | "nextChat"
  | "settings"
  | "undo"
  | "help"
  | "close";

const single = (key: string) => (event: KeyboardEvent) =>
  settings.singleKeys && event.key === key && !event.ctrlKey && !event.metaKey && !event.altKey;
const command = (key: string) => (event: KeyboardEvent) =>
  event.key.toLowerCase() === key && (event.ctrlKey || event.metaKey) && !event.altKey && !event.shiftKey;
const alternative = (key: string) => (event: KeyboardEvent) =>
  event.key === key && event.altKey && !event.ctrlKey && !event.metaKey;

const done = (act: () => void) => () => {
  act();
  return true;
};

export const SHORTCUTS: readonly Shortcut[] = [
  { name: "search", keys: ["ctrl", "K"], matches: command("k"), typed: true, act: done(focusSearch) },
  { name: "search", keys: ["/"], matches: single("/"), typed: false, act: done(focusSearch) },
  { name: "newChat", keys: ["N"], matches: single("n"), typed: false, act: done(() => openOverlay({ kind: "new-chat" })) },
  { name: "previousChat", keys: ["alt", "↑"], matches: alternative("ArrowUp"), typed: true, act: () => step(-1) },
  { name: "nextChat", keys: ["alt", "↓"], matches: alternative("ArrowDown"), typed: true, act: () => step(1) },
  { name: "settings", keys: ["ctrl", ","], matches: command(","), typed: true, act: done(() => openSettings()) },
  { name: "undo", keys: ["ctrl", "Z"], matches: command("z"), typed: false, act: undo },
  { name: "help", keys: ["?"], matches: single("?"), typed: false, act: done(() => openOverlay({ kind: "shortcuts" })) },
  { name: "close", keys: ["esc"], matches: (event) => event.key === "Escape", typed: true, act: close },
];

/** As long as the component lives. Whoever handled a key before has prevented its default. */
export function useShortcuts(): void {
  document.addEventListener("keydown", press);
  onCleanup(() => document.removeEventListener("keydown", press));
}

function press(event: KeyboardEvent): void {
  if (event.defaultPrevented || isComposing(event) || event.repeat && event.key === "Escape") return;
  if (covered()) return;
  const writing = isWriting(event.target);
  for (const shortcut of SHORTCUTS) {
    if (!shortcut.matches(event) || (writing && !shortcut.typed)) continue;
    if (shortcut.act()) event.preventDefault();
    return;
  }
}

function isWriting(target: EventTarget | null): boolean {
  return (
    target instanceof HTMLElement &&
    (target.isContentEditable || target.matches("textarea, select, input:not([type=checkbox], [type=radio])"))
  );
}

function focusSearch(): void {
  const box = document.querySelector<HTMLInputElement>("#search");
  if (box === null) return;
  // On a telephone the list is behind the chat.
  if (getComputedStyle(box).visibility === "hidden") back();
  requestAnimationFrame(() => {
    box.focus();
    box.select();
  });
}

function step(by: 1 | -1): boolean {
  const order = chatOrder();
  const at = order.indexOf(route().chatId ?? "");
  const next = order[at === -1 ? 0 : at + by];
  if (next === undefined) return false;
  openChat(next);
  return true;
}

function undo(): boolean {
  const last = toasts().findLast((toast) => toast.act !== undefined && toast.actLabel === undefined);
  if (last === undefined) return false;
  actOnToast(last);
  return true;
}

function close(): boolean {
  if (route().view === "list") return false;
  back();
  return true;
}
