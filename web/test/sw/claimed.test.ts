// @vitest-environment jsdom
import { beforeEach, expect, test, vi } from "vitest";
import { keepClient } from "../../src/sw/register";
import { CLAIM } from "../../src/sw/words";

const postMessage = vi.fn();
const ready = Promise.resolve({ active: { postMessage } });

function page(controller: object | null): void {
  const serviceWorker = Object.assign(new EventTarget(), { controller, ready });
  vi.stubGlobal("navigator", { serviceWorker });
  keepClient(
    () => undefined,
    () => undefined,
  );
}

beforeEach(() => postMessage.mockClear());

test("a page that was loading when the first service worker took all others asks to be taken", async () => {
  page(null);
  await ready;
  expect(postMessage.mock.calls).toEqual([[CLAIM]]);
});

test("a page that has one asks for nothing", async () => {
  page({});
  await ready;
  expect(postMessage).not.toHaveBeenCalled();
});
