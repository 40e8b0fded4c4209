/** Fingers on messages: a long press opens the menu, a swipe towards the beginning of a line answers. */

import { dir } from "../../i18n";
import type { OpenChat } from "./context";
import { openMessageMenu } from "./menu";
import type { Entry } from "./rows";

const HOLD_MS = 450;
/** A finger is never quite still. */
const STILL_PX = 10;
const ANSWER_PX = 56;
const PULL_PX = 84;

interface Touch {
  pointer: number;
  row: HTMLElement;
  x: number;
  y: number;
  entries: Entry[];
  /** It has become a swipe: nothing else comes of it. */
  pulled: number | undefined;
}

export function gestures(
  content: HTMLElement,
  entriesAt: (target: EventTarget | null) => Entry[],
  chat: OpenChat,
): () => void {
  let touch: Touch | undefined;
  let holding: ReturnType<typeof setTimeout> | undefined;
  let opened = false;

  const end = () => {
    clearTimeout(holding);
    if (touch) {
      touch.row.style.removeProperty("transform");
      delete touch.row.dataset["pulled"];
    }
    touch = undefined;
  };

  const down = (event: PointerEvent) => {
    end();
    opened = false;
    if (event.pointerType === "mouse" || !event.isPrimary) return;
    const row = event.target instanceof Element ? event.target.closest<HTMLElement>("article.message") : null;
    const entries = entriesAt(event.target).filter((entry) => entry.id > 0);
    if (row === null || entries.length === 0) return;
    const { pointerId, clientX, clientY } = event;
    touch = { pointer: pointerId, row, x: clientX, y: clientY, entries, pulled: undefined };
    holding = setTimeout(() => {
      end();
      opened = true;
      navigator.vibrate?.(10);
      if (chat.selection.active()) chat.selection.toggle(entries.map((entry) => entry.id));
      else openMessageMenu(chat, entries, { x: clientX, y: clientY });
    }, HOLD_MS);
  };

  const move = (event: PointerEvent) => {
    if (touch === undefined || event.pointerId !== touch.pointer) return;
    const across = (event.clientX - touch.x) * (dir() === "rtl" ? 1 : -1);
    const along = Math.abs(event.clientY - touch.y);
    if (touch.pulled === undefined) {
      if (Math.hypot(across, along) < STILL_PX) return;
      clearTimeout(holding);
      if (across < along * 1.5 || !chat.writable() || chat.selection.active()) return end();
    }
    touch.pulled = Math.max(0, Math.min(PULL_PX, across));
    touch.row.style.transform = `translateX(${dir() === "rtl" ? touch.pulled : -touch.pulled}px)`;
    if (touch.pulled >= ANSWER_PX) touch.row.dataset["pulled"] = "";
    else delete touch.row.dataset["pulled"];
  };

  const up = () => {
    const answered = touch && (touch.pulled ?? 0) >= ANSWER_PX ? touch.entries[0] : undefined;
    end();
    if (answered) chat.reply(answered);
  };

  // The browser's own long press comes too, on some telephones; and a click when the finger leaves.
  const own = (event: Event) => {
    if (!opened) return;
    event.preventDefault();
    event.stopPropagation();
    if (event.type === "click") opened = false;
  };

  content.addEventListener("pointerdown", down);
  content.addEventListener("pointermove", move);
  content.addEventListener("pointerup", up);
  content.addEventListener("pointercancel", end);
  content.addEventListener("contextmenu", own);
  content.addEventListener("click", own, true);
  return () => {
    end();
    content.removeEventListener("pointerdown", down);
    content.removeEventListener("pointermove", move);
    content.removeEventListener("pointerup", up);
    content.removeEventListener("pointercancel", end);
    content.removeEventListener("contextmenu", own);
    content.removeEventListener("click", own, true);
  };
}
