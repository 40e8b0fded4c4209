import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { type Page, Update } from "../../src/sw/update";

class FakePage implements Page {
  isHidden = false;
  isReachable = true;
  done: string[] = [];
  mendedMs = 0;
  mended = { get: () => this.mendedMs, set: (ms: number) => void (this.mendedMs = ms) };

  hidden = () => this.isHidden;
  reload = () => void this.done.push("reload");
  takeOver = async () => void this.done.push("take over");
  reachable = async () => this.isReachable;
  now = () => Date.now();
}

let page: FakePage;
let update: Update;
let busy = false;

beforeEach(() => {
  vi.useFakeTimers({ now: 1_800_000_000_000 });
  page = new FakePage();
  busy = false;
  update = new Update(page, () => page.done.push("told"));
  update.add({ busy: () => busy, save: async () => page.done.push("saved") });
});

afterEach(() => vi.useRealTimers());

function hide(hidden: boolean): void {
  page.isHidden = hidden;
  update.visibility();
}

test("a newer build is told once and waits for the person", async () => {
  update.found();
  update.found();
  await vi.advanceTimersByTimeAsync(3_600_000);
  expect(page.done).toEqual(["told"]);
  await update.load();
  expect(page.done).toEqual(["told", "take over", "saved", "reload"]);
});

test("a page that is hidden for a while loads it by itself", async () => {
  update.found();
  hide(true);
  await vi.advanceTimersByTimeAsync(59_000);
  hide(false);
  await vi.advanceTimersByTimeAsync(3_600_000);
  expect(page.done).toEqual(["told"]);
  hide(true);
  await vi.advanceTimersByTimeAsync(60_000);
  expect(page.done).toEqual(["told", "take over", "saved", "reload"]);
});

test("not while somebody is in the middle of something", async () => {
  busy = true;
  hide(true);
  update.found();
  await vi.advanceTimersByTimeAsync(3_600_000);
  expect(page.done).toEqual(["told"]);
  busy = false;
  await vi.advanceTimersByTimeAsync(60_000);
  expect(page.done).toContain("reload");
});

test("what cannot be saved or taken over holds up nothing", async () => {
  update.add({ busy: () => false, save: () => Promise.reject(new Error("full")) });
  update.add({ busy: () => false, save: () => new Promise(() => undefined) });
  page.takeOver = () => new Promise(() => undefined);
  void update.load();
  await vi.advanceTimersByTimeAsync(32_000);
  expect(page.done).toEqual(["saved", "reload"]);
});

test("a page is not loaded again while the newer build is still taking over", async () => {
  page.takeOver = () => new Promise((resolve) => setTimeout(resolve, 9_000));
  void update.load();
  await vi.advanceTimersByTimeAsync(8_000);
  expect(page.done).toEqual([]);
  await vi.advanceTimersByTimeAsync(1_000);
  expect(page.done).toEqual(["saved", "reload"]);
});

test("a file that is nowhere to be had: the page is loaded again, with the draft, once", async () => {
  expect(await update.mend()).toBe(true);
  expect(page.done).toEqual(["take over", "saved", "reload"]);

  const again = new Update(page, () => undefined);
  expect(await again.mend()).toBe(false);
  expect(page.done).toHaveLength(3);
  await vi.advanceTimersByTimeAsync(60_000);
  expect(await again.mend()).toBe(true);
});

test("without a connection it stays as it is, until that is back", async () => {
  page.isReachable = false;
  expect(await update.mend()).toBe(false);
  await update.back();
  expect(page.done).toEqual([]);
  page.isReachable = true;
  await update.back();
  expect(page.done).toEqual(["take over", "saved", "reload"]);
});

test("a connection that comes back mends nothing that is whole", async () => {
  await update.back();
  expect(page.done).toEqual([]);
});

test("a part that has gone is not asked any more", async () => {
  const end = update.add({ busy: () => true, save: async () => page.done.push("gone") });
  end();
  await update.load();
  expect(page.done).toEqual(["take over", "saved", "reload"]);
});
