// @vitest-environment jsdom
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Refused } from "../../src/bridge/bridge";
import type { Draft } from "../../src/bridge/protocol";
import { createDrafts } from "../../src/state/drafts";
import { createRemovals } from "../../src/state/removal";
import { actOnToast, dismissToast, toasts } from "../../src/state/toasts";
import { fakeBridge } from "../ui/fake_bridge";

let clock = 1000;
const now = () => clock;
const settled = async () => {
  for (let turn = 0; turn < 20; turn++) await Promise.resolve();
};

/** The worker's store, which outlives a page. */
let stored: Record<string, Draft>;
let bridge: ReturnType<typeof fakeBridge>;

beforeEach(() => {
  vi.useFakeTimers();
  localStorage.clear();
  stored = {};
  clock = 1000;
  bridge = fakeBridge({
    drafts: () => structuredClone(stored),
    draft: ({ chatId, text, replyTo }) => {
      stored[chatId] = { text, dateMs: clock, ...(replyTo && { replyTo }) };
      return null;
    },
    remove: () => null,
  });
});

afterEach(() => vi.useRealTimers());

describe("drafts", () => {
  it("are known at once and kept soon, once for many keys", async () => {
    const drafts = createDrafts(1, now);
    await drafts.loaded;
    for (const text of ["h", "he", "hey"]) drafts.put("a", text, 0);
    expect(drafts.of("a")?.text).toBe("hey");
    expect(stored["a"]).toBeUndefined();
    vi.runAllTimers();
    expect(bridge.asked.filter(({ name }) => name === "draft")).toEqual([{ name: "draft", params: { chatId: "a", text: "hey" } }]);
    drafts.end();
  });

  it("of an account that is logged out are not left in the browser", async () => {
    const refused = new Refused({ code: "unauthorized", detail: "" });
    bridge = fakeBridge({
      drafts: () => ({}),
      draft: () => {
        throw refused;
      },
    });
    const drafts = createDrafts(1, now);
    await drafts.loaded;
    drafts.put("a", "on its way to be kept", 0);
    drafts.flush();
    drafts.put("b", "not kept yet", 0);
    dispatchEvent(new Event("pagehide"));
    bridge.tell({ kind: "account", account: null, ended: "logout" });
    drafts.put("b", "still typing", 0);
    await settled();
    vi.runAllTimers();
    dispatchEvent(new Event("pagehide"));
    expect({ ...localStorage }).toEqual({});
    drafts.end();
  });

  it("written before they were loaded do not replace what was kept", async () => {
    stored["a"] = { text: "kept", dateMs: 5 };
    const drafts = createDrafts(1, now);
    const told = vi.fn();
    drafts.listen(told);
    drafts.put("a", "typed", 0);
    await drafts.loaded;
    expect(drafts.of("a")?.text).toBe("kept\ntyped");
    expect(told).toHaveBeenCalledWith("a", expect.objectContaining({ text: "kept\ntyped" }));
    drafts.end();
    expect(stored["a"]?.text).toBe("kept\ntyped");
  });

  it("of a page that was left survive a worker that heard nothing of it", async () => {
    const drafts = createDrafts(1, now);
    await drafts.loaded;
    drafts.put("a", "last words", 7);
    dispatchEvent(new Event("pagehide"));
    stored = {};
    clock = 2000;
    const next = createDrafts(1, now);
    await next.loaded;
    expect(next.of("a")).toMatchObject({ text: "last words", replyTo: 7 });
    next.end();
    expect(stored["a"]?.text).toBe("last words");
    drafts.end();
  });

  it("that the worker refused survive loading the page again", async () => {
    bridge = fakeBridge({
      drafts: () => ({}),
      draft: () => Promise.reject(new Refused({ code: "outdated", detail: "" })) as never,
    });
    const drafts = createDrafts(1, now);
    await drafts.loaded;
    drafts.put("a", "last words", 0);
    vi.runAllTimers();
    await settled();
    dispatchEvent(new Event("pagehide"));
    bridge = fakeBridge({ drafts: () => ({}), draft: () => null });
    const next = createDrafts(1, now);
    await next.loaded;
    expect(next.of("a")?.text).toBe("last words");
    next.end();
    drafts.end();
  });

  it("that were left lose against what was kept later, and are of one account", async () => {
    const drafts = createDrafts(1, now);
    await drafts.loaded;
    drafts.put("a", "older", 0);
    dispatchEvent(new Event("pagehide"));
    drafts.end();
    stored = { a: { text: "newer", dateMs: 9000 } };
    const other = createDrafts(2, now);
    await other.loaded;
    expect(other.of("b")).toBeUndefined();
    other.end();
    const again = createDrafts(1, now);
    await again.loaded;
    expect(again.of("a")?.text).toBe("newer");
    again.end();
  });

  it("of another tab arrive, but not over what is being written here", async () => {
    const drafts = createDrafts(1, now);
    await drafts.loaded;
    bridge.tell({ kind: "draft", chatId: "a", draft: { text: "elsewhere", dateMs: 2000 } });
    expect(drafts.of("a")?.text).toBe("elsewhere");
    clock = 3000;
    drafts.put("a", "here", 0);
    bridge.tell({ kind: "draft", chatId: "a", draft: { text: "elsewhere too", dateMs: 2500 } });
    expect(drafts.of("a")?.text).toBe("here");
    drafts.end();
  });

  it("are what was written last, whatever happens in between", async () => {
    const step = fc.oneof(
      fc.record({ chat: fc.constantFrom("a", "b"), text: fc.string({ maxLength: 5 }) }),
      fc.constantFrom("wait" as const, "leave" as const, "flush" as const),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(step), async (steps) => {
        localStorage.clear();
        stored = {};
        const last: Record<string, string> = {};
        let drafts = createDrafts(1, now);
        await drafts.loaded;
        for (const each of steps) {
          clock++;
          if (each === "wait") vi.advanceTimersByTime(500);
          else if (each === "flush") drafts.flush();
          else if (each === "leave") {
            dispatchEvent(new Event("pagehide"));
            drafts.end();
            drafts = createDrafts(1, now);
            await drafts.loaded;
          } else {
            drafts.put(each.chat, each.text, 0);
            last[each.chat] = each.text;
          }
          for (const [chat, text] of Object.entries(last)) expect(drafts.of(chat)?.text ?? "").toBe(text);
        }
        drafts.end();
        await settled();
        for (const [chat, text] of Object.entries(last)) expect(stored[chat]?.text ?? "").toBe(text);
      }),
      { numRuns: 50 },
    );
  });
});

it("a page that was only hidden leaves nothing that comes back after it was sent", async () => {
  const drafts = createDrafts(1, now);
  await drafts.loaded;
  drafts.put("a", "hel", 0);
  dispatchEvent(new Event("pagehide"));
  await settled();
  drafts.put("a", "", 0);
  drafts.end();
  delete stored["a"];
  const again = createDrafts(1, now);
  await again.loaded;
  expect(again.of("a")).toBeUndefined();
  again.end();
});

describe("deleting", () => {
  const removal = { chatId: "c", ids: [1, 2], forAll: true };
  const carriedOut = () => bridge.asked.filter(({ name }) => name === "remove").length;

  it("hides at once and can be undone", () => {
    const removals = createRemovals(1);
    removals.remove(removal, "deleted");
    expect([removals.hidden("c", 1), removals.hidden("c", 3), removals.hidden("d", 1)]).toEqual([true, false, false]);
    actOnToast(toasts().at(-1)!);
    expect(removals.hidden("c", 1)).toBe(false);
    expect(carriedOut()).toBe(0);
  });

  it("is carried out when the time is over, a hundred at a time", async () => {
    const removals = createRemovals(1);
    removals.remove({ ...removal, ids: Array.from({ length: 150 }, (_, at) => at + 1) }, "deleted");
    dismissToast(toasts().at(-1)!.id);
    await settled();
    expect(carriedOut()).toBe(2);
    expect(removals.hidden("c", 1)).toBe(false);
  });

  it("is carried out when the page is hidden, for it may be ended without another word", () => {
    const removals = createRemovals(1);
    removals.remove(removal, "deleted");
    vi.spyOn(document, "visibilityState", "get").mockReturnValue("hidden");
    document.dispatchEvent(new Event("visibilitychange"));
    expect(carriedOut()).toBe(1);
  });

  it("is carried out when the page is left, by the next one if the worker heard nothing", async () => {
    const removals = createRemovals(1);
    removals.remove(removal, "deleted");
    bridge = fakeBridge({ remove: () => new Promise(() => undefined) as never });
    dispatchEvent(new Event("pagehide"));
    expect(carriedOut()).toBe(1);
    bridge = fakeBridge({ remove: () => null });
    createRemovals(2);
    expect(carriedOut()).toBe(0);
    createRemovals(1);
    await settled();
    expect(bridge.asked).toEqual([{ name: "remove", params: removal }]);
    createRemovals(1);
    expect(carriedOut()).toBe(1);
  });
});
