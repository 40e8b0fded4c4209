// @vitest-environment jsdom
import { render } from "solid-js/web";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { until } from "../until";

vi.mock("../../src/ui/composer/emoji/data", () => ({
  loadEmoji: async () => Array.from({ length: 9 }, (_, group) => [{ emoji: "😀", name: `of ${group}`, words: "" }]),
  recentEmoji: () => [],
}));
const { default: EmojiPicker } = await import("../../src/ui/composer/emoji/picker");

let end: () => void;
const tabs = () => [...document.querySelectorAll<HTMLElement>("[role=tab]")];
const press = (key: string) =>
  document.activeElement!.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true }));

beforeEach(async () => {
  vi.stubGlobal("matchMedia", () => ({ matches: true }));
  end = render(() => <EmojiPicker onPick={() => undefined} onClose={() => undefined} />, document.body);
  await until(() => expect(document.querySelector("[role=tabpanel] button")).not.toBeNull());
});

afterEach(() => {
  end();
  vi.unstubAllGlobals();
});

it("one kind of emoji can be reached by Tab, and the others by arrows", () => {
  const chosen = () => tabs().findIndex((tab) => tab.ariaSelected === "true");
  expect(tabs().map((tab) => tab.tabIndex)).toEqual([-1, 0, ...Array.from({ length: 8 }, () => -1)]);
  tabs()[1]!.focus();
  for (const [key, at] of [["ArrowRight", 2], ["End", 9], ["ArrowRight", 0], ["ArrowLeft", 9], ["Home", 0]] as const) {
    press(key);
    expect([chosen(), tabs().indexOf(document.activeElement as HTMLElement)], key).toEqual([at, at]);
    expect(tabs().filter((tab) => tab.tabIndex === 0)).toHaveLength(1);
  }
  press("ArrowRight");
  expect(document.querySelector("[role=tabpanel]")!.getAttribute("aria-labelledby")).toBe(tabs()[1]!.id);
  press("ArrowDown");
  expect(document.activeElement).toBe(document.querySelector("[role=tabpanel] button"));
});
