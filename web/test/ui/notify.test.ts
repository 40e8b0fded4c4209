// @vitest-environment jsdom
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { ChatRow } from "../../src/bridge/protocol";
import type { Message } from "../../src/contract";
import { listenForChats, startChats } from "../../src/state/chats";
import { startNotifying } from "../../src/state/notify";
import { openChat, route } from "../../src/state/route";
import { setSetting } from "../../src/state/settings";
import { fakeBridge } from "./fake_bridge";

class FakeNotification {
  static permission = "granted";
  static shown: FakeNotification[] = [];
  onclick?: () => void;
  closed = false;
  constructor(
    readonly title: string,
    readonly options: { body: string; tag: string },
  ) {
    FakeNotification.shown.push(this);
  }
  close() {
    this.closed = true;
  }
}

const row: ChatRow = { chat_id: "a", kind: "private", name: "Ada", userId: 2, top_id: 7, top_date_ms: 1 };
const message = (id: number, text: string): Message => ({ chat_id: "a", id, from_id: 2, date_ms: 1, text });
const shown = () => FakeNotification.shown.filter((one) => !one.closed);

let ends: (() => void)[];
let tell: ReturnType<typeof fakeBridge>["tell"];
const arrive = (...messages: Message[]) => tell({ kind: "arrived", chatId: "a", messages });
const read = async (id: number) => {
  tell({ kind: "chats", rows: [{ ...row, read_inbox_id: id }] });
  await vi.runAllTimersAsync();
};

beforeEach(async () => {
  vi.useFakeTimers();
  vi.stubGlobal("Notification", FakeNotification);
  FakeNotification.shown = [];
  ({ tell } = fakeBridge({ chats: () => [row], people: () => [] }));
  ends = [listenForChats(), startNotifying()];
  await startChats();
  await vi.runAllTimersAsync();
  setSetting("notify", true);
  setSetting("notifyPreview", true);
  vi.spyOn(document, "hasFocus").mockReturnValue(false);
});

afterEach(() => {
  for (const end of ends) end();
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

describe("what has arrived", () => {
  it("is shown once for a chat, with what was written or how much", async () => {
    arrive(message(8, "hello"));
    await vi.runAllTimersAsync();
    expect(shown().map(({ title, options }) => [title, options.body])).toEqual([["Ada", "hello"]]);
    arrive(message(9, "and more"), message(10, "and more"));
    await vi.runAllTimersAsync();
    expect(shown().map(({ options }) => options.body)).toEqual(["3 new messages"]);
  });

  it("says not what was written where that is not wanted", async () => {
    setSetting("notifyPreview", false);
    arrive(message(8, "a secret"));
    await vi.runAllTimersAsync();
    expect(shown()[0]?.options.body).toBe("1 new message");
  });

  it("goes when it is read, anywhere", async () => {
    arrive(message(8, "hello"));
    await read(7);
    expect(shown()).toHaveLength(1);
    await read(8);
    expect(shown()).toEqual([]);
  });

  it("is not shown when it was read before it could be", async () => {
    await read(8);
    arrive(message(8, "hello"));
    await vi.runAllTimersAsync();
    expect(shown()).toEqual([]);
  });

  it("opens its chat when it is clicked", async () => {
    arrive(message(8, "hello"));
    await vi.runAllTimersAsync();
    vi.spyOn(window, "focus").mockImplementation(() => undefined);
    shown()[0]?.onclick?.();
    expect(route()).toMatchObject({ view: "chat", chatId: "a", messageId: 8 });
  });

  it("is not shown to who looks at it, or wants none", async () => {
    openChat("a");
    vi.spyOn(document, "hasFocus").mockReturnValue(true);
    arrive(message(8, "hello"));
    openChat("b");
    setSetting("notify", false);
    arrive(message(9, "hello"));
    await vi.runAllTimersAsync();
    expect(FakeNotification.shown).toEqual([]);
  });

  it("goes with the account", async () => {
    arrive(message(8, "hello"));
    await vi.runAllTimersAsync();
    ends.pop()?.();
    expect(shown()).toEqual([]);
  });
});
