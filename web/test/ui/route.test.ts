// @vitest-environment jsdom
import { beforeEach, describe, expect, it, vi } from "vitest";
import { chatPath, parseRoute, type Route, routePath, SETTINGS_PAGES } from "../../src/state/route";

describe("a path says where one is", () => {
  it.each([
    ["/", "", { view: "list" }],
    ["/c/g12", "", { view: "chat", chatId: "g12" }],
    ["/c/p3-9", "#m77", { view: "chat", chatId: "p3-9", messageId: 77 }],
    ["/c/p3-9", "#m0", { view: "chat", chatId: "p3-9" }],
    ["/c/p3-9", "#m7x", { view: "chat", chatId: "p3-9" }],
    ["/c/", "", { view: "list" }],
    ["/c/%E0%A4%A", "", { view: "chat", chatId: "%E0%A4%A" }],
    ["/settings", "", { view: "settings" }],
    ["/settings/sessions", "", { view: "settings", page: "sessions" }],
    ["/settings/nothing", "", { view: "settings" }],
    ["/elsewhere", "", { view: "list" }],
  ])("%s%s", (path, hash, route) => {
    expect(parseRoute(path, hash)).toEqual(route);
  });

  it("and back", () => {
    const routes: Route[] = [
      { view: "list" },
      { view: "chat", chatId: "p1-2" },
      { view: "chat", chatId: "a/b?c", messageId: 5 },
      ...SETTINGS_PAGES.map((page): Route => ({ view: "settings", page })),
    ];
    for (const route of routes) {
      const { pathname, hash } = new URL(routePath(route), "http://here");
      expect(parseRoute(pathname, hash)).toEqual(route);
    }
    expect(chatPath("p1-2", 8)).toBe("/c/p1-2#m8");
  });
});

describe("back", () => {
  let state: typeof import("../../src/state/route");

  /** jsdom goes back some time later. */
  const went = (act: () => void) =>
    new Promise<void>((done) => {
      addEventListener("popstate", () => done(), { once: true });
      act();
    });

  beforeEach(async () => {
    history.replaceState(null, "", "/");
    state ??= await import("../../src/state/route");
    dispatchEvent(new PopStateEvent("popstate"));
  });

  it("closes what lies on top, then the chat", async () => {
    state.openChat("a");
    state.openOverlay({ kind: "chat-info", chatId: "a" });
    state.openOverlay({ kind: "person", userId: 3, nested: true });
    await went(state.back);
    expect(state.route().overlay).toEqual({ kind: "chat-info", chatId: "a" });
    await went(state.back);
    expect(state.route()).toEqual({ view: "chat", chatId: "a" });
    await went(state.back);
    expect(state.route()).toEqual({ view: "list" });
  });

  it("leads from a chat to the list, however many were looked at", async () => {
    state.openChat("a");
    state.openChat("b");
    state.openChat("c", 9);
    expect(location.hash).toBe("#m9");
    await went(state.back);
    expect(state.route()).toEqual({ view: "list" });
  });

  it("stays in the page when it was opened by a link", () => {
    history.replaceState(null, "", "/c/a");
    dispatchEvent(new PopStateEvent("popstate"));
    state.back();
    expect(state.route()).toEqual({ view: "list" });
    expect(location.pathname).toBe("/");
  });

  it("leads from a page of the settings to all of them", () => {
    history.replaceState(null, "", "/settings/sessions");
    dispatchEvent(new PopStateEvent("popstate"));
    state.back();
    expect(state.route()).toEqual({ view: "settings" });
    state.back();
    expect(state.route()).toEqual({ view: "list" });
  });

  it("a dialog that took the place of another leads to what was under both", async () => {
    state.openOverlay({ kind: "new-chat" });
    state.openOverlay({ kind: "new-group" }, true);
    await went(state.back);
    expect(state.route()).toEqual({ view: "list" });
  });

  it("asked for twice in a hurry leads one step, and where one goes then is on top of that", async () => {
    state.openChat("a");
    state.openOverlay({ kind: "look", messageId: 3 });
    await went(() => {
      state.back();
      state.back();
      state.openOverlay({ kind: "look", messageId: 4 });
    });
    expect(state.route()).toMatchObject({ chatId: "a", overlay: { messageId: 4 } });
    await went(state.back);
    expect(state.route()).toEqual({ view: "chat", chatId: "a" });
  });

  it("what only the page before could show is not there after a reload", async () => {
    state.openChat("a");
    state.openOverlay({ kind: "attach" });
    vi.resetModules();
    await went(() => void import("../../src/state/route"));
    expect(history.state).not.toHaveProperty("overlay");
    expect(location.pathname).toBe("/c/a");
  });
});
