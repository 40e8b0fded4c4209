// @vitest-environment jsdom
import { beforeAll, expect, test, vi } from "vitest";
import { keepClient } from "../../src/sw/register";

const outdated = vi.fn();
const workers = new EventTarget();

beforeAll(() => {
  vi.stubGlobal("navigator", { serviceWorker: workers });
  document.head.append(Object.assign(document.createElement("meta"), { name: "build", content: "first" }));
  keepClient(outdated, () => undefined);
});

/** Another service worker serves this page, or none; the server has this page. */
async function changes(page: string): Promise<void> {
  vi.stubGlobal("fetch", async () => new Response(page));
  workers.dispatchEvent(new Event("controllerchange"));
  await new Promise((resolve) => setTimeout(resolve));
}

test("who is served by another service worker is told of a newer build if there is one", async () => {
  await changes("page of first"); // the first one
  await changes("page of first"); // none: logging out ended it
  await changes("page of first"); // again
  expect(outdated).not.toHaveBeenCalled();
  await changes("page of second"); // another tab loaded it
  expect(outdated).toHaveBeenCalledOnce();
});
