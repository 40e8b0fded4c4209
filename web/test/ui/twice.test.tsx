// @vitest-environment jsdom
import { createSignal, Show } from "solid-js";
import { render } from "solid-js/web";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { keepDoubleClicks } from "../../src/ui/base/twice";

const pressed = vi.fn<(name: string) => void>();
const [sent, setSent] = createSignal(false);
let end: () => void;
let clock = 1000;

/** A press of a pointer, and the click that browsers make of it. */
function press(name: string, { later = 100, x = 5, pointerType = "mouse" } = {}): void {
  clock += later;
  const target = document.querySelector(`[aria-label=${name}]`)!;
  const about = { bubbles: true, cancelable: true, clientX: x, clientY: 5 };
  const down = new PointerEvent("pointerdown", { ...about, isPrimary: true, pointerType });
  Object.defineProperty(down, "timeStamp", { value: clock });
  target.dispatchEvent(down);
  target.dispatchEvent(new MouseEvent("click", { ...about, detail: 1 }));
}

beforeEach(() => {
  pressed.mockClear();
  setSent(false);
  const button = (name: string, act?: () => void) => (
    <button
      aria-label={name}
      onPointerDown={() => pressed(`${name} down`)}
      onClick={() => {
        pressed(name);
        act?.();
      }}
    />
  );
  end = render(() => {
    keepDoubleClicks();
    return (
      <Show when={sent()} fallback={button("send", () => setSent(true))}>
        {button("record")}
        {button("send")}
      </Show>
    );
  }, document.body);
});

afterEach(() => end());

const clicked = () => pressed.mock.calls.map(([name]) => name);

it.each(["mouse", "touch"])("the second press is not for what has come in the place of the first (%s)", (pointerType) => {
  press("send", { pointerType });
  press("record", { pointerType });
  expect(clicked()).toEqual(["send down", "send"]);
});

it("a press that comes later, or elsewhere, is one", () => {
  press("send");
  press("record", { later: 400 });
  expect(clicked().slice(2)).toEqual(["record down", "record"]);
  press("send", { x: 50 });
  expect(clicked().slice(4)).toEqual(["send down", "send"]);
});

it("what is typed between two presses makes two of them", () => {
  press("send");
  document.querySelector("[aria-label=record]")!.dispatchEvent(new InputEvent("input", { bubbles: true }));
  press("record");
  expect(clicked().slice(2)).toEqual(["record down", "record"]);
});

it("what is there still, or again, is pressed as often as somebody likes", () => {
  press("send");
  press("send");
  press("send");
  expect(clicked().filter((name) => name === "send")).toHaveLength(3);
});

it("keys are not double clicks", () => {
  press("send");
  press("record");
  document.querySelector<HTMLElement>("[aria-label=record]")!.click();
  expect(clicked().at(-1)).toBe("record");
});
