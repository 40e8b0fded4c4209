/**
 * The place in a chat: where it opens, jumps and the way back, pages that are loaded before somebody
 * gets to them, and what has been seen. Between the history, which knows no elements, and the
 * anchor, which knows no messages.
 */

import { createEffect, createSignal, on, untrack } from "solid-js";
import type { Place as Target } from "../../bridge/protocol";
import { ask } from "../../state/bridge";
import { chatRow } from "../../state/chats";
import { perFrame } from "../../state/frame";
import { createHistory } from "../../state/history";
import { back as leaveEntry, routeDepth } from "../../state/route";
import { connection } from "../../state/session";
import { firstId, lastId, linesAround, WINDOW_MESSAGES_MAX } from "../../state/window";
import { covered } from "../base";
import { Anchor } from "./anchor";
import { END, keepPlace, placeOf, type Place } from "./places";

/** Pages are asked for when fewer lines than this are left. */
const AHEAD = 20;

/** Where in the height a message is put that was jumped to, and the first unread one. */
const MESSAGE_SHARE = 0.3;
const UNREAD_SHARE = 0.2;

/** Where a jump began, and which entry of the browser's history that was. */
interface Return {
  place: Place;
  depth: number;
}

export type Scroll = ReturnType<typeof createScroll>;

export function createScroll(chatId: string, meId: number) {
  let anchor: Anchor | undefined;
  let moving = false;
  let ended = false;
  let jumps = 0;
  const [atEnd, setAtEnd] = createSignal(true);
  const [marked, setMarked] = createSignal(0);
  const [unreadFrom, setUnreadFrom] = createSignal(0);
  const [returns, setReturns] = createSignal<readonly Return[]>([]);

  const history = createHistory(chatId, {
    around: () => (anchor === undefined || reachesEnd() ? Infinity : anchor.view.middle || Infinity),
    keeping(change) {
      if (anchor === undefined) return change();
      keep();
      const stick = piece().atEnd;
      change();
      anchor.hold(stick);
      settled();
    },
  });
  const { piece } = history;

  /** Whether the end of the chat is in view, and not only that of the piece. */
  const reachesEnd = () => anchor !== undefined && anchor.bottom && piece().atEnd;

  /** What moved by itself since it was noted is put back; then it is noted anew. */
  const keep = () => {
    anchor?.hold(piece().atEnd);
    anchor?.note();
  };

  const settle = () => {
    if (anchor === undefined || ended) return;
    keep();
    setAtEnd(reachesEnd());
    if (moving || history.state() !== "ready") return;
    const { first, last } = anchor.view;
    const { messages } = piece();
    const { before } = linesAround(messages, first);
    const { after } = linesAround(messages, last);
    const lines = linesAround(messages, lastId(piece())).before + 1;
    // A window that is nearly filled by what is in view must not be pushed to and fro.
    const ahead = Math.max(1, Math.min(AHEAD, (WINDOW_MESSAGES_MAX - (lines - before - after)) / 2 - 8));
    if (!piece().atStart && before < ahead) void history.older();
    if (!piece().atEnd && after < ahead) void history.newer();
    see();
  };
  const settling = perFrame(settle);
  const settled = () => settling.ask();
  // What came below a dialog is seen when that goes; what could not be had is asked for again.
  createEffect(on([covered, () => connection().state], settled, { defer: true }));

  /** Marks as read what was in view in a page that somebody looks at. */
  let readUpTo = 0;
  const see = () => {
    const seen = anchor?.view.seen ?? 0;
    const row = untrack(() => chatRow(chatId));
    if (row === undefined || covered() || document.visibilityState !== "visible" || !document.hasFocus()) return;
    const { messages } = piece();
    const last = messages.findLast(({ id, from_id }) => id <= seen && from_id !== meId)?.id ?? 0;
    if (last <= Math.max(readUpTo, row.read_inbox_id ?? 0)) return;
    readUpTo = last;
    ask("read", { chatId, maxId: last }).catch(() => {
      readUpTo = 0;
    });
  };

  const here = (): Place | undefined => {
    keep();
    return reachesEnd() ? END : anchor?.place();
  };

  /** Loads a place and puts it into view. Only the last one that was asked for arrives. */
  const move = async (target: Target, arrive: (anchorId: number) => void): Promise<boolean> => {
    const mine = ++jumps;
    moving = true;
    const anchorId = await history.go(target);
    if (mine !== jumps || ended) return false;
    moving = false;
    if (anchorId === undefined) {
      settled();
      return false;
    }
    arrive(anchorId);
    settled();
    return true;
  };

  const showEnd = async (): Promise<void> => {
    if (piece().atEnd) {
      jumps++;
      moving = false;
      anchor?.toEnd();
      settled();
      return;
    }
    await move({ at: "end" }, () => anchor?.toEnd());
  };

  const toEnd = (): Promise<void> => {
    // What lies between is done with: "back" leads out of the chat again.
    const between = routeDepth() - (returns()[0]?.depth ?? Infinity);
    setReturns([]);
    if (between > 0) window.history.go(-between);
    return showEnd();
  };

  const restore = (place: Place) =>
    move({ at: "message", id: place.id }, () => {
      const element = anchor?.element(place.id);
      if (element) anchor?.restore(element, place.offset);
    });

  const mark = (id: number) => {
    setMarked(0);
    queueMicrotask(() => setMarked(id));
  };

  const show = (id: number, share: number): boolean => {
    const element = anchor?.element(id);
    if (element === undefined) return false;
    anchor?.reveal(element, share);
    return true;
  };

  const returnTo = (place: Place | undefined, depth: number) => {
    if (place) setReturns((all) => [...all.slice(-9), { place, depth }]);
  };

  /** To a message. `depth`: of the entry of the browser's history that one comes from. */
  const jump = async (id: number, depth = routeDepth()): Promise<boolean> => {
    const from = here();
    const held = history.state() === "ready" && firstId(piece()) <= id && id <= lastId(piece());
    let arrived = held && show(id, MESSAGE_SHARE);
    if (arrived) {
      jumps++;
      moving = false;
      settled();
    } else {
      arrived = await move({ at: "message", id }, (anchorId) => show(anchorId || id, MESSAGE_SHARE));
    }
    if (!arrived) return false;
    returnTo(from, depth);
    mark(id);
    return true;
  };

  const jumpToDate = (ms: number) => {
    const from = here();
    return move({ at: "date", ms }, (anchorId) => {
      returnTo(from, routeDepth());
      if (anchorId === 0) return anchor?.toEnd();
      show(anchorId, MESSAGE_SHARE);
    });
  };

  /** The first message of others that was not read when the chat was opened. */
  const findUnread = () => {
    const row = untrack(() => chatRow(chatId));
    const read = row?.read_inbox_id ?? 0;
    if (!row?.unread) return;
    const first = piece().messages.find(({ id, from_id, deleted }) => id > read && from_id !== meId && !deleted);
    const before = piece().messages[0]?.id ?? 0;
    if (first && (before <= read || piece().atStart)) setUnreadFrom(first.id);
  };

  const open = async (messageId: number | undefined): Promise<void> => {
    const place = placeOf(chatId);
    if (messageId !== undefined) {
      if (await jump(messageId)) return;
      setReturns([]);
    } else if (place) {
      if (await restore(place)) return;
    }
    if (ended) return;
    await move({ at: "unread" }, () => {
      findUnread();
      const line = anchor?.content.querySelector<HTMLElement>("[data-unread]");
      if (line) anchor?.reveal(line, UNREAD_SHARE);
      else if (piece().atEnd) anchor?.toEnd();
    });
  };

  const returnFrom = (at: number): void => {
    const place = returns()[at]?.place;
    if (place === undefined) return;
    setReturns((all) => all.slice(0, at));
    if (place === END) void showEnd();
    else void restore(place);
  };

  /** The browser went back to an entry: to where one was in it. */
  const wentBack = (): void => returnFrom(returns().findIndex(({ depth }) => depth >= routeDepth()));

  /** To where the last jump began, which need not have made an entry of the browser's history. */
  const back = (): void => {
    const last = returns().at(-1);
    if (last !== undefined && last.depth < routeDepth()) leaveEntry();
    else returnFrom(returns().length - 1);
  };

  return {
    history,
    atEnd,
    marked,
    unreadFrom,
    returns,
    open,
    jump,
    jumpToDate,
    toEnd,
    back,
    wentBack,
    settled,
    /** What was unread is answered, or read. */
    clearUnread: () => setUnreadFrom(0),
    /** Something arrived that nobody looks at. */
    markUnread(id: number) {
      if (unreadFrom() === 0 && !document.hasFocus()) setUnreadFrom(id);
    },
    attach(scroller: HTMLElement, content: HTMLElement) {
      anchor = new Anchor(scroller, content);
      const sizes = new ResizeObserver(() => {
        anchor?.hold(piece().atEnd);
        settled();
      });
      sizes.observe(content);
      sizes.observe(scroller);
      scroller.addEventListener("scroll", settled, { passive: true });
      document.addEventListener("visibilitychange", settled);
      addEventListener("focus", settled);
      return () => {
        keepPlace(chatId, history.state() === "ready" ? here() : placeOf(chatId));
        ended = true;
        jumps++;
        sizes.disconnect();
        settling.end();
        history.end();
        document.removeEventListener("visibilitychange", settled);
        removeEventListener("focus", settled);
      };
    },
  };
}
