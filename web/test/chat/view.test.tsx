// @vitest-environment jsdom
import { Suspense } from "solid-js";
import { render } from "solid-js/web";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import type { ChatRow, Notice } from "../../src/bridge/protocol";
import { announced } from "../../src/state/announce";
import { startChats } from "../../src/state/chats";
import { openChat } from "../../src/state/route";
import ChatView from "../../src/ui/chat/ChatView";
import { fakeBridge } from "../ui/fake_bridge";
import { until } from "../until";

const group: ChatRow = { chat_id: "g", name: "Friends", kind: "group", top_id: 1, top_date_ms: 1 };
let end: () => void;
let tell: (notice: Notice) => void;

beforeEach(async () => {
  vi.stubGlobal("ResizeObserver", class { observe() {} disconnect() {} });
  vi.stubGlobal("matchMedia", () => ({ matches: false, addEventListener() {} }));
  vi.stubGlobal("visualViewport", new EventTarget());
  ({ tell } = fakeBridge({
    chats: () => [group],
    chat: () => new Promise(() => undefined) as never,
    window: () => ({ chatId: "g", messages: [], atStart: true, atEnd: true, anchorId: 0 }),
    outgoing: () => [],
    drafts: () => ({}),
    people: () => [],
  }));
  await startChats();
  openChat("g");
  end = render(() => <Suspense fallback={<p>waiting</p>}><ChatView chatId="g" /></Suspense>, document.body);
});

afterEach(() => {
  end();
  vi.unstubAllGlobals();
});

it("a group is there before the server has told of its members", async () => {
  await until(() => expect(document.querySelector("[role=log]")).not.toBeNull());
  expect(document.body.textContent).not.toContain("waiting");
});

it("also the first message of a chat is said", async () => {
  await until(() => expect(document.body.textContent).toContain("Nothing here yet"));
  const first = { chat_id: "g", id: 1, from_id: 7, date_ms: 1, text: "the first" };
  tell({ kind: "messages", chatId: "g", messages: [first], endId: 1 });
  await until(() => expect(announced().map(({ text }) => text)).toEqual([expect.stringContaining("the first")]));
});
