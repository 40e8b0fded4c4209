// @vitest-environment jsdom
import { Suspense } from "solid-js";
import { render } from "solid-js/web";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import type { ChatRow, Notice } from "../../src/bridge/protocol";
import type { Message } from "../../src/contract";
import { announced } from "../../src/state/announce";
import { startChats } from "../../src/state/chats";
import { openChat, route } from "../../src/state/route";
import { actOnToast, dismissToast, toasts } from "../../src/state/toasts";
import ChatView from "../../src/ui/chat/ChatView";
import { fakeBridge } from "../ui/fake_bridge";
import { until } from "../until";

const group: ChatRow = { chat_id: "g", name: "Friends", kind: "group", top_id: 1, top_date_ms: 1 };
const picture: Message = {
  chat_id: "g",
  id: 1,
  from_id: 5,
  date_ms: 1,
  text: "",
  media: { file_id: "f", kind: "photo", mime: "image/png", name: "", size: 1, width: 10, height: 10 },
};
let messages: Message[] = [];
let end: () => void;
let tell: (notice: Notice) => void;

beforeEach(async () => {
  vi.stubGlobal("ResizeObserver", class { observe() {} disconnect() {} });
  vi.stubGlobal("matchMedia", () => ({ matches: false, addEventListener() {} }));
  vi.stubGlobal("visualViewport", new EventTarget());
  ({ tell } = fakeBridge({
    chats: () => [group],
    chat: () => new Promise(() => undefined) as never,
    window: () => ({ chatId: "g", messages, atStart: true, atEnd: true, anchorId: 0 }),
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
  messages = [];
  for (const toast of toasts()) dismissToast(toast.id);
  vi.unstubAllGlobals();
});

it("a group is there before the server has told of its members", async () => {
  await until(() => expect(document.querySelector("[role=log]")).not.toBeNull());
  expect(document.body.textContent).not.toContain("waiting");
});

it("nothing is without a name before it is known whose chat it is", async () => {
  end();
  openChat("fresh");
  end = render(() => <ChatView chatId="fresh" />, document.body);
  await until(() => expect(document.querySelector(".chat-bar button")).not.toBeNull());
  const nameless = [...document.querySelectorAll(".chat-bar :is(button, h2)")].filter(
    (one) => !one.textContent?.trim() && !one.getAttribute("aria-label"),
  );
  expect(nameless).toEqual([]);
  expect(document.querySelector(".chat-who")?.textContent).toBe("Loading");
});

it("also the first message of a chat is said", async () => {
  await until(() => expect(document.body.textContent).toContain("Nothing here yet"));
  const first = { chat_id: "g", id: 1, from_id: 7, date_ms: 1, text: "the first" };
  tell({ kind: "messages", chatId: "g", messages: [first], endId: 1 });
  await until(() => expect(announced().map(({ text }) => text)).toEqual([expect.stringContaining("the first")]));
});

const dialog = () => document.querySelector("[role=dialog]");

function paste(...files: File[]): void {
  const event = new Event("paste", { cancelable: true, bubbles: true });
  document.querySelector("textarea")!.dispatchEvent(Object.assign(event, { clipboardData: { files, types: ["Files"] } }));
}

it("back closes what is about to be sent, and it can be had back", async () => {
  await until(() => expect(document.querySelector("textarea")).not.toBeNull());
  paste(new File(["what it is"], "notes.bin"));
  await until(() => expect(dialog()?.textContent).toContain("notes.bin"));
  history.back();
  await until(() => expect(dialog()).toBeNull());
  expect(route()).toMatchObject({ view: "chat", chatId: "g" });
  actOnToast(toasts().at(-1)!);
  await until(() => expect(dialog()?.textContent).toContain("notes.bin"));
  dialog()!.querySelector<HTMLElement>("button[aria-label=Close]")!.click();
  await until(() => expect(dialog()).toBeNull());
});

it("files are not lost by whoever is led to another chat", async () => {
  await until(() => expect(document.querySelector("textarea")).not.toBeNull());
  paste(new File(["what it is"], "notes.bin"));
  await until(() => expect(dialog()).not.toBeNull());
  end();
  openChat("other");
  openChat("g");
  expect(route().overlay).toBeUndefined();
  end = render(() => <ChatView chatId="g" />, document.body);
  await until(() => expect(dialog()?.textContent).toContain("notes.bin"));
  history.back();
  await until(() => expect(dialog()).toBeNull());
});

it("back closes a picture that is looked at, and not the chat", async () => {
  end();
  messages = [picture];
  end = render(() => <ChatView chatId="g" />, document.body);
  await until(() => expect(document.querySelector(".picture-open")).not.toBeNull());
  document.querySelector<HTMLElement>(".picture-open")!.click();
  await until(() => expect(dialog()?.className).toBe("viewer"));
  history.back();
  await until(() => expect(dialog()).toBeNull());
  expect(route()).toMatchObject({ view: "chat", chatId: "g" });
});

it("the end of a selection leaves the focus where one writes, or on the message it came from", async () => {
  end();
  messages = [picture];
  end = render(() => <ChatView chatId="g" />, document.body);
  const message = () => document.querySelector<HTMLElement>("article.message");
  const cross = () => document.querySelector<HTMLElement>("button[aria-label='End the selection']");
  await until(() => expect(message()).not.toBeNull());
  for (const [from, to] of [[message, message], [() => document.body, () => document.querySelector("textarea")]] as const) {
    (document.activeElement as HTMLElement).blur();
    from()?.focus();
    message()!.dispatchEvent(new MouseEvent("click", { ctrlKey: true, bubbles: true, cancelable: true }));
    cross()!.focus();
    cross()!.click();
    await until(() => expect(document.activeElement).toBe(to()));
  }
});
