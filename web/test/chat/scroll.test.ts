// @vitest-environment jsdom
import { createRoot } from "solid-js";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import type { HistoryWindow } from "../../src/bridge/protocol";
import { startChats } from "../../src/state/chats";
import { openChat, openMessage, route, routeDepth } from "../../src/state/route";
import { useLayer } from "../../src/ui/base";
import { keepPlace } from "../../src/ui/chat/places";
import { createScroll, type Scroll } from "../../src/ui/chat/scroll";
import { fakeBridge } from "../ui/fake_bridge";
import { until } from "../until";

const page = (from: number, to: number, more: Partial<HistoryWindow>): HistoryWindow => ({
  chatId: "c",
  messages: Array.from({ length: to - from + 1 }, (_, at) => ({ chat_id: "c", id: from + at, from_id: 2, date_ms: 1 })),
  atStart: from === 1,
  atEnd: false,
  anchorId: 0,
  ...more,
});

const END = page(90, 99, { atEnd: true });
let scroll: Scroll;
let bridge: ReturnType<typeof fakeBridge>;
const reads = () => bridge.asked.filter(({ name }) => name === "read").map(({ params }) => params);
let dispose: () => void;
let uncover: () => void;

/** A dialog over the page. */
const cover = () =>
  createRoot((end) => {
    useLayer(() => undefined);
    return end;
  });
const left = vi.fn<(by?: number) => void>();

beforeEach(async () => {
  vi.stubGlobal("ResizeObserver", class { observe() {} disconnect() {} });
  vi.spyOn(history, "go").mockImplementation(left);
  vi.spyOn(history, "back").mockImplementation(() => left(-1));
  left.mockClear();
  bridge = fakeBridge({
    chats: () => [{ chat_id: "c", name: "Ada", kind: "private", top_id: 99, top_date_ms: 1, unread: 9 }],
    read: () => null,
    window: ({ place }) => (place.at === "message" || place.at === "date" ? page(1, 40, { anchorId: 5 }) : END),
    outgoing: () => [],
    newer: () => END,
    older: () => page(50, 89, {}),
  });
  await startChats();
  keepPlace("c", undefined);
  openChat("c");
  createRoot((end) => {
    scroll = createScroll("c", 1);
    const content = document.createElement("div");
    const message = document.createElement("article");
    message.dataset["id"] = message.dataset["last"] = "99";
    content.append(message);
    const scroller = document.createElement("div");
    scroller.getBoundingClientRect = () => new DOMRect(0, 0, 100, 500);
    message.getBoundingClientRect = () => new DOMRect(0, 450, 100, 40);
    const detach = scroll.attach(scroller, content);
    dispose = () => {
      detach();
      end();
    };
  });
  vi.spyOn(document, "hasFocus").mockReturnValue(true);
  uncover = cover();
  await scroll.open(undefined);
});

afterEach(() => {
  uncover();
  dispose();
  vi.unstubAllGlobals();
});

it("to the end goes back through the entries that jumps have made", async () => {
  const from = routeDepth();
  openMessage(5);
  await scroll.jump(5, from);
  openMessage(7);
  await scroll.jump(7, from + 1);
  await scroll.toEnd();
  expect(left.mock.calls).toEqual([[-2]]);
});

it("to the end does not leave the chat after a jump that made no entry", async () => {
  openChat("c", 5);
  await scroll.jump(5, routeDepth());
  await scroll.jumpToDate(1);
  expect(scroll.returns().length).toBeGreaterThan(0);
  await scroll.toEnd();
  expect(left).not.toHaveBeenCalled();
  expect(route().chatId).toBe("c");
});

it("back to where a jump began stays in the chat, with an entry or without", async () => {
  await scroll.jumpToDate(1);
  expect(scroll.history.piece().messages[0]?.id).toBe(1);
  scroll.back();
  await until(() => expect(scroll.history.piece().messages[0]?.id).toBeGreaterThan(40));
  expect(left).not.toHaveBeenCalled();
  const from = routeDepth();
  openMessage(5);
  await scroll.jump(5, from);
  scroll.back();
  expect(left.mock.calls).toEqual([[-1]]);
});

it("what lies under a dialog is not read before that is gone", async () => {
  await until(() => expect(bridge.asked.map(({ name }) => name)).toContain("older"));
  expect(reads()).toEqual([]);
  uncover();
  await until(() => expect(reads()).toEqual([{ chatId: "c", maxId: 99 }]));
});
