// @vitest-environment jsdom
import { Suspense } from "solid-js";
import { render } from "solid-js/web";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import type { ChatRow } from "../../src/bridge/protocol";
import type { Media, Message } from "../../src/contract";
import { startChats } from "../../src/state/chats";
import { openChat } from "../../src/state/route";
import { startSession } from "../../src/state/session";
import { WINDOW_MESSAGES_MAX } from "../../src/state/window";
import ChatView from "../../src/ui/chat/ChatView";
import { fakeBridge } from "../ui/fake_bridge";
import { until } from "../until";

/** Of the 2,500 that a page has at most. */
const NODES_MAX = 2_000;

const ME = 5;
const row: ChatRow = { chat_id: "g", name: "Friends", kind: "group", top_id: 1_000, top_date_ms: 1 };
const media = (kind: Media["kind"]): Media => {
  const thumb = { file_id: "t", width: 32, height: 24, size: 1, mime: "" };
  return { kind, file_id: "f", size: 1, name: "name", mime: "", width: 400, height: 300, duration_ms: 9, preview: "AAAA", thumb };
};
const album = (id: number, of: number) => Math.ceil(id / of);
const answer = (id: number): Partial<Message> => ({ text: "text", reply_to: Math.max(1, id - 1), forward: { from_id: 1, date_ms: 1 }, edited_ms: 1 });

const MADE_OF: Record<string, (id: number) => Partial<Message>> = {
  "albums of ten videos": (id) => ({ album: album(id, 10), media: media("video"), text: "text" }),
  "albums of two videos": (id) => ({ album: album(id, 2), media: media("video"), text: "text" }),
  "voices that answer and are forwarded": (id) => ({ ...answer(id), media: media("voice") }),
  "links and nothing else": () => ({ text: "a.de<".repeat(800) }),
};

let messages: Message[];
let end: () => void;

beforeEach(async () => {
  vi.stubGlobal("ResizeObserver", class { observe() {} disconnect() {} });
  vi.stubGlobal("matchMedia", () => ({ matches: false, addEventListener() {} }));
  vi.stubGlobal("visualViewport", new EventTarget());
  fakeBridge({
    start: () => ({ account: { id: ME, username: "me", name: "Me" }, config: null, keeping: { state: "kept" }, connection: { state: "online" }, limits: {} }),
    chats: () => [row],
    chat: () => new Promise(() => undefined) as never,
    window: () => ({ chatId: "g", messages, atStart: false, atEnd: true, anchorId: 0 }),
    outgoing: () => [],
    drafts: () => ({}),
    people: () => [],
  });
  await startSession();
  await startChats();
});

afterEach(() => {
  end();
  vi.unstubAllGlobals();
});

it.each(Object.entries(MADE_OF))("a chat of %s is not too many elements", async (_, made) => {
  messages = Array.from({ length: 200 }, (_one, at) => ({ chat_id: "g", id: at + 1, from_id: ME, date_ms: at, ...made(at + 1) }));
  openChat("g");
  end = render(() => <Suspense><ChatView chatId="g" /></Suspense>, document.body);
  await until(() => expect(document.querySelector("article")).not.toBeNull());
  expect(document.querySelectorAll("article").length).toBeLessThanOrEqual(WINDOW_MESSAGES_MAX);
  expect(document.querySelectorAll("*").length).toBeLessThanOrEqual(NODES_MAX);
});
