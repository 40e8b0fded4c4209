// @vitest-environment jsdom
import { render } from "solid-js/web";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { Announcer, ToastLayer } from "../../src/ui/base";
import { announce, HEARD_MS } from "../../src/state/announce";
import { actOnToast, dismissToasts, toasts, told } from "../../src/state/toasts";

let end: () => void;
const said = () => [...document.querySelectorAll("[aria-live=polite] > p")].map((line) => line.textContent);

beforeEach(() => {
  vi.useFakeTimers();
  end = render(
    () => (
      <>
        <ToastLayer />
        <Announcer />
      </>
    ),
    document.body,
  );
});

afterEach(async () => {
  await dismissToasts();
  vi.advanceTimersByTime(HEARD_MS);
  end();
  vi.useRealTimers();
});

it("the same words are said as often as they are true, and are gone when they were heard", () => {
  announce("Sent");
  announce("Sent");
  expect(said()).toEqual(["Sent", "Sent"]);
  vi.advanceTimersByTime(HEARD_MS);
  expect(said()).toEqual([]);
});

it("a notice is said with what can be done about it, and that it was done", () => {
  told("Message deleted", () => undefined);
  expect(said()).toEqual(["Message deleted\nUndo"]);
  actOnToast(toasts()[0]!);
  expect(said()).toEqual(["Message deleted\nUndo", "Undone"]);
});

it("without a notice there is no place for notices to be read", async () => {
  expect(document.querySelector(".toasts")).toBeNull();
  told("Saved");
  expect(document.querySelector("section.toasts")?.getAttribute("aria-label")).toBe("Notices");
  await dismissToasts();
  expect(document.querySelector(".toasts")).toBeNull();
});
