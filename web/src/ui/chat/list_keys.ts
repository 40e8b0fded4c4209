/** The list by keyboard: arrows move from message to message, letters do things with the one in focus. */

import { settings } from "../../state/settings";
import type { OpenChat } from "./context";
import { actionsFor, openMessageMenu } from "./menu";
import type { Entry } from "./rows";

const ROWS = "article[data-id]";

function move(scroller: HTMLElement, way: "up" | "down" | "first" | "last"): boolean {
  const rows = [...scroller.querySelectorAll<HTMLElement>(ROWS)];
  const focused = document.activeElement?.closest<HTMLElement>(ROWS);
  const at = focused ? rows.indexOf(focused) : -1;
  const inView = () => {
    const { bottom } = scroller.getBoundingClientRect();
    return rows.findLastIndex((row) => row.getBoundingClientRect().top < bottom - 8);
  };
  const next =
    way === "first" ? 0 : way === "last" ? rows.length - 1 : at < 0 ? inView() : at + (way === "up" ? -1 : 1);
  const row = rows[next];
  if (row === undefined) return false;
  row.focus({ preventScroll: true });
  row.scrollIntoView({ block: "nearest" });
  return true;
}

const WAYS = { ArrowUp: "up", ArrowDown: "down", Home: "first", End: "last" } as const;

export function listKeys(
  event: KeyboardEvent,
  scroller: HTMLElement,
  entriesAt: (target: EventTarget | null) => Entry[],
  chat: OpenChat,
): void {
  const { target, key } = event;
  const onRow = target instanceof HTMLElement && target.matches(ROWS);
  const onList = target === scroller;
  if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
  if (key in WAYS && (onRow || onList)) {
    if (move(scroller, WAYS[key as keyof typeof WAYS])) event.preventDefault();
    return;
  }
  if (!onRow) return;
  const entries = entriesAt(target).filter((entry) => entry.id > 0);
  if (entries.length === 0) return;
  if (key === "Enter" || key === "ContextMenu") {
    event.preventDefault();
    openMessageMenu(chat, entries, target);
    return;
  }
  if (key === " ") {
    event.preventDefault();
    chat.selection.toggle(entries.map((entry) => entry.id));
    return;
  }
  if (key.length === 1 && !settings.singleKeys) return;
  const action = actionsFor(chat, entries).find((one) => one.key === key || one.key === key.toLowerCase());
  if (action === undefined) return;
  event.preventDefault();
  event.stopPropagation();
  action.act(chat, entries);
}
