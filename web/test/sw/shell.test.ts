import { expect, test } from "vitest";
import { CACHE, Shell } from "../../src/sw/shell";
import { Browser, ORIGIN } from "./browser";

const FIRST = {
  "/": "page of first",
  "/assets/index-1.js": "first",
  "/assets/lazy-1.js": "lazy of first",
  "/assets/worker-1.js": "worker of first",
  "/assets/shared-0.js": "shared",
};
const SECOND = {
  "/": "page of second",
  "/assets/index-2.js": "second",
  "/assets/worker-2.js": "worker of second",
  "/assets/shared-0.js": "shared",
};

function shellOf(name: string, files: Record<string, string>, browser: Browser): Shell {
  return new Shell({ name, files: Object.keys(files) }, browser);
}

function request(path: string, more: { mode?: string; method?: string } = {}): Request {
  return { method: "GET", mode: "cors", url: new URL(path, ORIGIN).href, ...more } as Request;
}

async function shown(shell: Shell, path: string, mode = "cors"): Promise<string | undefined> {
  return (await shell.answer(request(path, { mode }), ORIGIN))?.text();
}

async function installed(browser: Browser): Promise<Shell> {
  browser.server = FIRST;
  const shell = shellOf("first", FIRST, browser);
  await shell.install();
  return shell;
}

test("what was installed opens without a connection, wherever one comes in", async () => {
  const browser = new Browser();
  const shell = await installed(browser);
  browser.server = null;
  for (const path of ["/", "/c/p1-2", "/c/g7#m5", "/settings", "/settings/sessions?x=1"]) {
    expect(await shown(shell, path, "navigate")).toBe("page of first");
  }
  expect(await shown(shell, "/assets/lazy-1.js")).toBe("lazy of first");
});

test("what is the server's is left alone", async () => {
  const shell = await installed(new Browser());
  const own = ["/api/auth.login", "/api/docs", "/api", "/media/file/1/2/3", "/ws", "/-/healthz"];
  for (const path of own) {
    expect(shell.answer(request(path, { mode: "navigate" }), ORIGIN)).toBeUndefined();
    expect(shell.answer(request(path), ORIGIN)).toBeUndefined();
  }
  expect(shell.answer(request("/", { method: "POST" }), ORIGIN)).toBeUndefined();
  expect(shell.answer(request("https://other.example/"), ORIGIN)).toBeUndefined();
  expect(shell.answer(request("/robots.txt"), ORIGIN)).toBeUndefined();
  expect(shell.answer(request("/nothing", { mode: "navigate" }), ORIGIN)).toBeUndefined();
  expect(shell.answer(request("/sw.js"), ORIGIN)).toBeUndefined();
  expect(shell.answer(request("/"), ORIGIN)).toBeUndefined();
});

test("a build of which a file is missing does not take over, and leaves nothing", async () => {
  const browser = new Browser();
  const { "/assets/lazy-1.js": _, ...without } = FIRST;
  browser.server = without;
  await expect(shellOf("first", FIRST, browser).install()).rejects.toThrow("404");
  expect(await browser.caches.keys()).toEqual([]);
});

test("a build whose page is of another one by now does not take over", async () => {
  const browser = new Browser();
  browser.server = { ...FIRST, "/": SECOND["/"] };
  await expect(shellOf("first", FIRST, browser).install()).rejects.toThrow("another build");
});

test("a file that an earlier build has is not fetched again, but for those with a policy", async () => {
  const browser = new Browser();
  await installed(browser);
  browser.server = SECOND;
  browser.asked = [];
  await shellOf("second", SECOND, browser).install();
  expect(browser.asked.sort()).toEqual(["/", "/assets/index-2.js", "/assets/worker-2.js"]);
});

test("a page of an earlier build finds its files after an upgrade, as long as it is open", async () => {
  const browser = new Browser();
  await installed(browser);
  browser.server = SECOND;
  const second = shellOf("second", SECOND, browser);
  await second.install();
  browser.locks = [`${CACHE}first`, "heliograph"];
  await second.clean();
  expect(await shown(second, "/assets/lazy-1.js")).toBe("lazy of first");
  expect(await shown(second, "/c/p1-2", "navigate")).toBe("page of second");

  browser.locks = [`${CACHE}second`];
  await second.clean();
  expect(await browser.caches.keys()).toEqual([`${CACHE}second`]);
  expect((await second.answer(request("/assets/lazy-1.js"), ORIGIN))?.status).toBe(404);
});

test("a build that waits to take over is left alone", async () => {
  const browser = new Browser();
  const first = await installed(browser);
  browser.server = SECOND;
  await shellOf("second", SECOND, browser).install();
  browser.locks = [`${CACHE}first`];
  browser.followed = true;
  await first.clean();
  expect(await browser.caches.keys()).toEqual([`${CACHE}first`, `${CACHE}second`]);
});

test("caches that are not of builds are not touched", async () => {
  const browser = new Browser();
  const shell = await installed(browser);
  await browser.caches.open("other");
  await shell.clean();
  expect(await browser.caches.keys()).toEqual([`${CACHE}first`, "other"]);
});

test("a page that lost a file which the server no longer has is the server's next time", async () => {
  const browser = new Browser();
  const shell = await installed(browser);
  await (await browser.caches.open(`${CACHE}first`)).delete("/assets/index-1.js");
  browser.server = SECOND;
  expect((await shell.answer(request("/assets/index-1.js"), ORIGIN))?.status).toBe(404);
  expect(await shown(shell, "/", "navigate")).toBe("page of second");
});

test("a file that was lost is kept again when the server still has it", async () => {
  const browser = new Browser();
  const shell = await installed(browser);
  await (await browser.caches.open(`${CACHE}first`)).delete("/assets/lazy-1.js");
  expect(await shown(shell, "/assets/lazy-1.js")).toBe("lazy of first");
  browser.server = null;
  expect(await shown(shell, "/assets/lazy-1.js")).toBe("lazy of first");
  expect(await shown(shell, "/", "navigate")).toBe("page of first");
});

test("without a connection, the page stays although a file is lost", async () => {
  const browser = new Browser();
  const shell = await installed(browser);
  await (await browser.caches.open(`${CACHE}first`)).delete("/assets/lazy-1.js");
  browser.server = null;
  await expect(shell.answer(request("/assets/lazy-1.js"), ORIGIN)).rejects.toThrow();
  expect(await shown(shell, "/", "navigate")).toBe("page of first");
});

test("what carries the content policy is as the server gives it out now, of the same build", async () => {
  const browser = new Browser();
  const shell = await installed(browser);
  browser.server = { ...FIRST, "/": "page of first, with another policy" };
  browser.asked = [];
  await shell.refresh();
  expect(browser.asked.sort()).toEqual(["/", "/assets/worker-1.js"]);
  expect(await shown(shell, "/", "navigate")).toBe("page of first, with another policy");

  browser.server = SECOND;
  await expect(shell.refresh()).rejects.toThrow();
  expect(await shown(shell, "/", "navigate")).toBe("page of first, with another policy");
});
