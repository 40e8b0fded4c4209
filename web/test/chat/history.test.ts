// @vitest-environment jsdom
import { createRoot } from "solid-js";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Refused } from "../../src/bridge/bridge";
import type { HistoryWindow, Notice } from "../../src/bridge/protocol";
import type { Message } from "../../src/contract";
import { createHistory, type History } from "../../src/state/history";
import { dismissToast, toasts } from "../../src/state/toasts";
import { fakeBridge } from "../ui/fake_bridge";

const message = (id: number, more: Partial<Message> = {}): Message => ({ chat_id: "c", id, from_id: 2, date_ms: id, text: `${id}`, ...more });
const page = (from: number, to: number, more: Partial<HistoryWindow> = {}): HistoryWindow => ({
  chatId: "c",
  messages: Array.from({ length: to - from + 1 }, (_, at) => message(from + at)),
  atStart: from === 1,
  atEnd: false,
  anchorId: 0,
  ...more,
});
const told = (...messages: Message[]): Notice => ({
  kind: "messages",
  chatId: "c",
  messages,
  endId: Math.max(...messages.map(({ id }) => id)),
});

/** Answers when the test says so. */
class Later<T> {
  readonly #waiting: ((answer: T | Promise<T>) => void)[] = [];
  ask = () => new Promise<T>((resolve) => this.#waiting.push(resolve)) as unknown as T;
  async refuse(code: string): Promise<void> {
    this.#waiting.shift()!(Promise.reject(new Refused({ code, detail: "" })));
    await settled();
  }
  async answer(value: T): Promise<void> {
    this.#waiting.shift()!(value);
    await settled();
  }
}

/** All promises that need nobody's answer are done. */
const settled = async () => {
  for (let turn = 0; turn < 20; turn++) await Promise.resolve();
};

let frame: () => void = () => undefined;
let around = Infinity;
let kept = 0;
let windows: Later<HistoryWindow>;
let older: Later<HistoryWindow>;
let tell: (notice: Notice) => void;
let asked: { name: string; params: unknown }[];
let history: History;
let dispose: () => void;
const ids = () => history.piece().messages.map(({ id }) => id);

beforeEach(() => {
  vi.stubGlobal("requestAnimationFrame", (run: () => void) => {
    frame = run;
    return 1;
  });
  around = Infinity;
  kept = 0;
  windows = new Later();
  older = new Later();
  ({ tell, asked } = fakeBridge({ window: windows.ask, older: older.ask, outgoing: () => [] }));
  createRoot((end) => {
    dispose = end;
    history = createHistory("c", {
      around: () => around,
      keeping: (change) => {
        kept++;
        change();
      },
    });
  });
});

afterEach(() => {
  history.end();
  dispose();
  vi.unstubAllGlobals();
});

describe("a window", () => {
  it("has what was told while it was on its way", async () => {
    const going = history.go({ at: "end" });
    tell(told(message(11), message(9, { revision: 3, text: "edited" })));
    frame();
    await windows.answer(page(1, 10, { atEnd: true }));
    await going;
    expect(ids().at(-1)).toBe(11);
    expect(history.piece().messages.find(({ id }) => id === 9)?.text).toBe("edited");
    expect(history.piece().atEnd).toBe(true);
  });

  it("says that the end is elsewhere where it is", async () => {
    const going = history.go({ at: "end" });
    tell(told(message(15)));
    await windows.answer(page(1, 10, { atEnd: true }));
    await going;
    expect(ids().at(-1)).toBe(10);
    expect(history.piece()).toMatchObject({ atEnd: false, endId: 15 });
  });

  it("of a place that nobody wants any more is left out", async () => {
    const first = history.go({ at: "message", id: 5 });
    const second = history.go({ at: "message", id: 50 });
    await windows.answer(page(1, 10, { anchorId: 5 }));
    expect(await first).toBeUndefined();
    expect(history.state()).toBe("loading");
    await windows.answer(page(45, 55, { anchorId: 50 }));
    expect(await second).toBe(50);
    expect(ids()[0]).toBe(45);
  });
});

describe("pages", () => {
  it("are asked for once, and left out where one is elsewhere by then", async () => {
    const going = history.go({ at: "message", id: 50 });
    await windows.answer(page(45, 55));
    await going;
    const page1 = history.older();
    const page2 = history.older();
    expect(asked.filter(({ name }) => name === "older")).toEqual([{ name: "older", params: { chatId: "c", id: 45, limit: 40 } }]);
    const away = history.go({ at: "end" });
    await windows.answer(page(90, 99, { atEnd: true }));
    await away;
    await older.answer(page(5, 44));
    await Promise.all([page1, page2]);
    expect(ids()[0]).toBe(90);
    expect(history.loadingOlder()).toBe(false);
  });
});

describe("notices", () => {
  beforeEach(async () => {
    const going = history.go({ at: "end" });
    await windows.answer(page(1, 10, { atEnd: true }));
    await going;
  });

  it("are put in once a frame, keeping the place", () => {
    const before = kept;
    for (let id = 11; id < 60; id++) tell(told(message(id)));
    expect(ids().at(-1)).toBe(10);
    frame();
    expect(ids().at(-1)).toBe(59);
    expect(kept).toBe(before + 1);
  });

  it("push nothing away that is read", () => {
    around = 3;
    for (let id = 11; id < 400; id++) tell(told(message(id)));
    frame();
    expect(ids()).toContain(3);
    expect(ids().length).toBeLessThanOrEqual(120);
    expect(history.piece()).toMatchObject({ atEnd: false, endId: 399 });
  });

  it("go on being shown when another place cannot be had, and that is told", async () => {
    const going = history.go({ at: "message", id: 5 });
    tell(told(message(11)));
    frame();
    await windows.refuse("offline");
    expect(await going).toBeUndefined();
    expect(history.state()).toBe("ready");
    expect(ids().at(-1)).toBe(11);
    tell(told(message(12)));
    frame();
    expect(ids().at(-1)).toBe(12);
    expect(toasts().map(({ kind }) => kind)).toEqual(["problem"]);
    for (const { id } of toasts()) dismissToast(id);
  });

  it("of other chats are not for this one", () => {
    tell({ ...told(message(11)), chatId: "other" } as Notice);
    frame();
    expect(ids().at(-1)).toBe(10);
  });

  it("that all may be wrong load it again, around what is read", async () => {
    around = 4;
    tell({ kind: "reset", chatId: "c" });
    expect(asked.at(-1)).toEqual({ name: "window", params: { chatId: "c", place: { at: "message", id: 4 }, limit: 80 } });
    expect(history.state()).toBe("ready");
    await windows.answer(page(2, 8, { anchorId: 4 }));
    expect(ids()).toEqual([2, 3, 4, 5, 6, 7, 8]);
  });

  it("that came before all may be wrong change nothing of what is loaded after", async () => {
    tell(told(message(11), message(10, { revision: 99, text: "of before" })));
    tell({ kind: "reset", chatId: "c" });
    await windows.answer(page(1, 10, { atEnd: true }));
    frame();
    expect(history.piece().messages.at(-1)).toEqual(message(10));
    expect(history.piece()).toMatchObject({ atEnd: true, endId: 10 });
  });

  it("that all may be wrong count also where it cannot be loaded at once", async () => {
    tell({ kind: "reset", chatId: "c" });
    await windows.refuse("offline");
    expect(ids()).toHaveLength(10);
    tell({ kind: "connection", connection: { state: "online" } });
    await windows.answer(page(3, 12, { atEnd: true }));
    expect(ids()[0]).toBe(3);
    const before = asked.length;
    tell({ kind: "connection", connection: { state: "online" } });
    expect(asked).toHaveLength(before);
  });
});

describe("a reset while a place is on its way", () => {
  it("has it asked for again: what comes is of before", async () => {
    const going = history.go({ at: "message", id: 5 });
    tell(told(message(11)));
    tell({ kind: "reset", chatId: "c" });
    await windows.answer(page(1, 10, { anchorId: 5, atEnd: true }));
    expect(ids()).toEqual([]);
    expect(history.state()).toBe("loading");
    await windows.answer(page(4, 6, { anchorId: 5, atEnd: true }));
    expect(await going).toBe(5);
    expect(ids()).toEqual([4, 5, 6]);
    expect(history.piece().atEnd).toBe(true);
  });

  it("that cannot be had has what is shown loaded again", async () => {
    const going = history.go({ at: "end" });
    await windows.answer(page(1, 10, { atEnd: true }));
    await going;
    const away = history.go({ at: "message", id: 500 });
    tell({ kind: "reset", chatId: "c" });
    await windows.refuse("message_not_found");
    expect(await away).toBeUndefined();
    await windows.answer(page(3, 12, { atEnd: true }));
    expect(ids()[0]).toBe(3);
    for (const { id } of toasts()) dismissToast(id);
  });
});

it("what ended is silent", async () => {
  const going = history.go({ at: "end" });
  history.end();
  await windows.answer(page(1, 10));
  expect(await going).toBeUndefined();
  expect(ids()).toEqual([]);
});
