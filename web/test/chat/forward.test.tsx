// @vitest-environment jsdom
import { render } from "solid-js/web";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import type { ChatRow } from "../../src/bridge/protocol";
import { startChats } from "../../src/state/chats";
import ForwardDialog from "../../src/ui/chat/forward_dialog";
import { fakeBridge } from "../ui/fake_bridge";

const row = (chat_id: string, name: string): ChatRow => ({ chat_id, name, kind: "private", top_id: 1, top_date_ms: 1 });
let bridge: ReturnType<typeof fakeBridge>;
let end: () => void;
const field = () => document.querySelector<HTMLInputElement>("input[type=search]")!;
const forwards = () => bridge.asked.filter(({ name }) => name === "forward").map(({ params }) => params);
const enter = (more: KeyboardEventInit = {}) =>
  field().dispatchEvent(new KeyboardEvent("keydown", { key: "Enter", bubbles: true, ...more }));
const look = (text: string) => {
  field().value = text;
  field().dispatchEvent(new InputEvent("input", { bubbles: true }));
};

beforeEach(async () => {
  bridge = fakeBridge({ chats: () => [row("a", "Ada"), row("b", "Bob")], forward: () => [] });
  await startChats();
  end = render(() => <ForwardDialog chatId="a" ids={[1]} onClose={vi.fn()} onDone={vi.fn()} />, document.body);
});

afterEach(() => end());

it("Enter forwards to what was found, and to nobody where nothing was looked for", () => {
  enter();
  expect(forwards()).toEqual([]);
  look("bo");
  enter();
  expect(forwards()).toEqual([{ fromChatId: "a", ids: [1], toChatId: "b" }]);
});

it("Enter that ends a word of an input method forwards nothing", () => {
  look("bo");
  enter({ isComposing: true });
  enter({ keyCode: 229 });
  expect(forwards()).toEqual([]);
});
