// @vitest-environment jsdom
import { createRoot } from "solid-js";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import type { HistoryWindow } from "../../src/bridge/protocol";
import { openChat, openMessage, route, routeDepth } from "../../src/state/route";
import { createScroll, type Scroll } from "../../src/ui/chat/scroll";
import { fakeBridge } from "../ui/fake_bridge";

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
let dispose: () => void;
const left = vi.fn<(by?: number) => void>();

beforeEach(async () => {
  vi.stubGlobal("ResizeObserver", class { observe() {} disconnect() {} });
  vi.spyOn(history, "go").mockImplementation(left);
  vi.spyOn(history, "back").mockImplementation(() => left(-1));
  left.mockClear();
  fakeBridge({
    window: ({ place }) => (place.at === "message" || place.at === "date" ? page(1, 40, { anchorId: 5 }) : END),
    outgoing: () => [],
    newer: () => END,
  });
  openChat("c");
  createRoot((end) => {
    scroll = createScroll("c", 1);
    const detach = scroll.attach(document.createElement("div"), document.createElement("div"));
    dispose = () => {
      detach();
      end();
    };
  });
  await scroll.open(undefined);
});

afterEach(() => {
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
  await vi.waitFor(() => expect(scroll.history.piece().messages[0]?.id).toBe(90));
  expect(left).not.toHaveBeenCalled();
  const from = routeDepth();
  openMessage(5);
  await scroll.jump(5, from);
  scroll.back();
  expect(left.mock.calls).toEqual([[-1]]);
});
