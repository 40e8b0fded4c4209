// @vitest-environment jsdom
import { beforeAll, expect, test, vi } from "vitest";
import { keepClient } from "../../src/sw/register";

const outdated = vi.fn();
const workers = Object.assign(new EventTarget(), { ready: new Promise(() => undefined) });

beforeAll(() => {
  vi.stubGlobal("navigator", { serviceWorker: workers });
  document.head.append(Object.assign(document.createElement("meta"), { name: "build", content: "first" }));
  keepClient(outdated, () => undefined);
});

const page = (build: string) => `<!doctype html><meta name="build" content="${build}" />`;

/** Another service worker serves this page, or none; the server's address has this page. */
async function changes(page: string): Promise<void> {
  vi.stubGlobal("fetch", async () => new Response(page));
  workers.dispatchEvent(new Event("controllerchange"));
  await new Promise((resolve) => setTimeout(resolve));
}

test("who is served by another service worker is told of a newer build if there is one", async () => {
  await changes(page("first")); // the first one
  await changes(page("first")); // none: logging out ended it
  await changes("<h1>Welcome to our hotel</h1>");
  expect(outdated).not.toHaveBeenCalled();
  await changes(page("second")); // another tab loaded it
  expect(outdated).toHaveBeenCalledOnce();
});
