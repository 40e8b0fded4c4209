// @vitest-environment jsdom
import { createEffect, createRoot } from "solid-js";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Refused } from "../../src/bridge/bridge";
import type { ChatRow } from "../../src/bridge/protocol";
import type { Chat } from "../../src/contract";
import { adoptChat, chatOrder, chatRow, isAbsent, listenForChats, rowName, startChats, typing, unreadTotal } from "../../src/state/chats";
import { fakeBridge } from "./fake_bridge";

function row(chat_id: string, rest: Partial<ChatRow> = {}): ChatRow {
  return { chat_id, kind: "private", name: chat_id, top_id: 1, top_date_ms: 1, ...rest };
}

let frame: (() => void) | undefined;
let end: () => void;
let tell: ReturnType<typeof fakeBridge>["tell"];

let nowMs = 1000;

beforeEach(async () => {
  nowMs += 1000;
  vi.spyOn(performance, "now").mockImplementation(() => nowMs);
  vi.stubGlobal("requestAnimationFrame", (run: () => void) => {
    frame = run;
    return 1;
  });
  ({ tell } = fakeBridge({ chats: () => [row("a", { unread: 2 }), row("b"), row("c", { unread: 5 })] }));
  end = listenForChats();
  await startChats();
  rest();
});

afterEach(() => {
  end();
  vi.unstubAllGlobals();
});

/** What waits for the next frame. */
function paint(): void {
  const run = frame;
  frame = undefined;
  run?.();
}

/** The list rests after a change: it may change again. */
function rest(): void {
  nowMs += 1000;
}

describe("the list of chats", () => {
  it("begins with what is known", () => {
    expect(chatOrder()).toEqual(["a", "b", "c"]);
    expect(chatRow("a")?.unread).toBe(2);
    expect(unreadTotal()).toBe(7);
  });

  it("asks for no frame where all is put in at once", async () => {
    frame = undefined;
    rest();
    await startChats();
    expect(frame).toBeUndefined();
  });

  it("puts in many changes at once, and only the last of each row", () => {
    const seen: (number | undefined)[] = [];
    const stop = createRoot((dispose) => {
      createEffect(() => seen.push(chatRow("b")?.unread));
      return dispose;
    });
    for (let unread = 1; unread <= 1000; unread += 1) tell({ kind: "chats", rows: [row("b", { unread })] });
    expect(seen).toEqual([undefined]);
    paint();
    expect(seen).toEqual([undefined, 1000]);
    expect(unreadTotal()).toBe(1007);
    stop();
  });

  it("rests after a change, and then has what came meanwhile", () => {
    vi.useFakeTimers({ toFake: ["setTimeout"] });
    tell({ kind: "chats", rows: [row("a", { unread: 3 })] });
    paint();
    tell({ kind: "chats", rows: [row("a", { unread: 4 })] });
    expect(frame).toBeUndefined();
    tell({ kind: "chats", rows: [row("a", { unread: 5 })] });
    vi.runAllTimers();
    paint();
    expect(chatRow("a")?.unread).toBe(5);
    vi.useRealTimers();
  });

  it("gives a row to an open chat in which nobody has written yet", async () => {
    const chat: Chat = { id: "n", kind: "group", title: "New", created_ms: 1, last_id: 0, members: [] };
    fakeBridge({ chat: () => chat });
    await adoptChat("n");
    expect(chatRow("n")?.name).toBe("New");
    tell({ kind: "chats", rows: [], order: ["a", "b", "c"] });
    paint();
    expect(chatRow("n")?.name).toBe("New");
    expect(chatOrder()).not.toContain("n");
    rest();
    tell({ kind: "chats", rows: [row("n", { unread: 1 })], order: ["n", "a", "b", "c"] });
    paint();
    rest();
    tell({ kind: "chats", rows: [], order: ["a", "b", "c"] });
    paint();
    expect(chatRow("n")).toBeUndefined();
  });

  it("calls a chat by its name, and has a word for one whose name was not told yet", () => {
    expect(rowName(row("a"))).toBe("a");
    expect(rowName(row("a", { name: "" }))).toBe("Somebody");
    expect(rowName(row("a", { kind: "saved", name: "" }))).toBe("Saved messages");
  });

  it("changes nothing of a row that nothing was told of", () => {
    let runs = 0;
    const stop = createRoot((dispose) => {
      createEffect(() => {
        chatRow("a");
        runs += 1;
      });
      return dispose;
    });
    tell({ kind: "chats", rows: [row("c", { unread: 6 })], order: ["c", "a", "b"] });
    paint();
    expect(runs).toBe(1);
    expect(chatOrder()).toEqual(["c", "a", "b"]);
    stop();
  });

  it("forgets what is not in the order any more, and what was unread there", () => {
    tell({ kind: "chats", rows: [], order: ["a", "b"] });
    paint();
    expect(chatRow("c")).toBeUndefined();
    expect(unreadTotal()).toBe(2);
  });

  it("keeps the last order that was told before it changed", () => {
    tell({ kind: "chats", rows: [], order: ["b", "a", "c"] });
    tell({ kind: "chats", rows: [row("c", { unread: 0 })] });
    paint();
    expect(chatOrder()).toEqual(["b", "a", "c"]);
    expect(unreadTotal()).toBe(2);
  });

  it("of another account has nothing of the one before", async () => {
    fakeBridge({ chats: () => [row("z", { unread: 1 })] });
    await startChats();
    expect(chatOrder()).toEqual(["z"]);
    expect(chatRow("a")).toBeUndefined();
    expect(unreadTotal()).toBe(1);
  });
});

describe("who is writing", () => {
  // Frames stay those of `paint`.
  beforeEach(() => void vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "Date"] }));
  afterEach(() => void vi.useRealTimers());

  it("fades, and later the more often it is told", () => {
    const until = (ms: number) => tell({ kind: "typing", chatId: "a", userId: 4, untilMs: Date.now() + ms });
    until(6000);
    expect(typing("a")).toEqual([4]);
    vi.advanceTimersByTime(5000);
    until(6000);
    vi.advanceTimersByTime(5000);
    expect(typing("a")).toEqual([4]);
    vi.advanceTimersByTime(1000);
    expect(typing("a")).toEqual([]);
  });

  it("has sent it, and does not write any more", () => {
    tell({ kind: "typing", chatId: "a", userId: 4, untilMs: Date.now() + 6000 });
    tell({ kind: "typing", chatId: "a", userId: 4, untilMs: 0 });
    expect(typing("a")).toEqual([]);
  });

  it("knows that a chat is not there, until somebody is taken into it", async () => {
    const refuse = (code: string) =>
      fakeBridge({
        chat: () => {
          throw new Refused({ code, detail: "" });
        },
      });
    refuse("offline");
    await expect(adoptChat("g9")).rejects.toThrow();
    expect(isAbsent("g9")).toBe(false);
    refuse("chat_not_found");
    await expect(adoptChat("g9")).rejects.toThrow();
    expect([isAbsent("g9"), isAbsent("a")]).toEqual([true, false]);
    tell({ kind: "chats", rows: [row("g9")], order: ["g9", "a", "b", "c"] });
    paint();
    expect(isAbsent("g9")).toBe(false);
  });
});
