// @vitest-environment jsdom
import { afterEach, describe, expect, it, vi } from "vitest";
import { Refused } from "../../src/bridge/bridge";
import { logOut } from "../../src/state/session";
import { actOnToast, dismissToast, failed, later, toasts, told } from "../../src/state/toasts";
import { fakeBridge } from "./fake_bridge";
import { until } from "../until";

afterEach(() => {
  for (const toast of toasts()) dismissToast(toast.id);
});

const last = () => toasts().at(-1)!;

describe("what has no opposite", () => {
  it("is done before its account logs out", async () => {
    const { asked } = fakeBridge({ logout: () => null });
    let done: () => void = () => undefined;
    later("gone", () => new Promise<void>((resolve) => (done = resolve)), () => undefined);
    const out = logOut();
    await Promise.resolve();
    expect(asked).toEqual([]);
    done();
    await out;
    expect(asked.map(({ name }) => name)).toEqual(["logout"]);
    expect(toasts()).toEqual([]);
  });

  it("is done when nobody has undone it", () => {
    const act = vi.fn(async () => undefined);
    const undone = vi.fn();
    later("gone", act, undone);
    expect(act).not.toHaveBeenCalled();
    dismissToast(last().id);
    expect(act).toHaveBeenCalledOnce();
    expect(undone).not.toHaveBeenCalled();
  });

  it("is not done when it was undone", () => {
    const act = vi.fn(async () => undefined);
    const undone = vi.fn();
    later("gone", act, undone);
    actOnToast(last());
    expect(undone).toHaveBeenCalledOnce();
    expect(act).not.toHaveBeenCalled();
    expect(toasts()).toEqual([]);
  });

  it("is done when the page goes", () => {
    const act = vi.fn(async () => undefined);
    later("gone", act, () => undefined);
    dispatchEvent(new Event("pagehide"));
    expect(act).toHaveBeenCalledOnce();
  });

  it("is put back, and told, when it is refused", async () => {
    const undone = vi.fn();
    later("gone", () => Promise.reject(new Refused({ code: "forbidden", detail: "" })), undone);
    dismissToast(last().id);
    await until(() => expect(last()?.kind).toBe("problem"));
    expect(undone).toHaveBeenCalledOnce();
  });
});

it("only the latest few are shown, and what they hide is done", () => {
  const act = vi.fn(async () => undefined);
  later("first", act, () => undefined);
  for (const text of ["second", "third", "fourth"]) told(text, () => undefined);
  expect(toasts().map((toast) => toast.text)).toEqual(["second", "third", "fourth"]);
  expect(act).toHaveBeenCalledOnce();
});

it("what only tells gives way to what is newer, what can be undone does not", () => {
  told("saved");
  told("blocked", () => undefined);
  told("saved again");
  told("saved once more");
  expect(toasts().map((toast) => toast.text)).toEqual(["blocked", "saved once more"]);
});

it("what is refused because a newer client is open offers to load that", () => {
  failed(new Refused({ code: "forbidden", detail: "" }));
  expect(last()).toMatchObject({ kind: "problem" });
  expect(last().act).toBeUndefined();
  failed(new Refused({ code: "outdated", detail: "" }));
  expect(last().actLabel).toBe("Load it");
});
