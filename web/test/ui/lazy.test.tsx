// @vitest-environment jsdom
import { type Component, Suspense } from "solid-js";
import { render } from "solid-js/web";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { dismissToast, toasts } from "../../src/state/toasts";
import { until } from "../until";

const mended = vi.hoisted(() => vi.fn(async () => false));
vi.mock("../../src/sw/update", () => ({
  Update: class {
    mend = mended;
    add = () => () => undefined;
  },
}));
const { lazy, preload } = await import("../../src/ui/base/lazy");

type Loaded = { default: Component };
const part = (text: string): Loaded => ({ default: () => <p>{text}</p> });
let end: (() => void) | undefined;
const show = (Part: Component) => {
  end = render(() => <Suspense><Part /></Suspense>, document.body);
};

beforeEach(() => {
  vi.stubGlobal("requestIdleCallback", (act: () => void) => setTimeout(act));
  mended.mockClear();
});

afterEach(() => {
  end?.();
  end = undefined;
  for (const toast of toasts()) dismissToast(toast.id);
  vi.unstubAllGlobals();
});

it("a part is there before it is shown, with those that are in it, once", async () => {
  const inner = vi.fn(async () => part("inner"));
  const outer = vi.fn(async () => {
    lazy(inner);
    return part("outer");
  });
  lazy(outer);
  await preload();
  await preload();
  expect(outer).toHaveBeenCalledOnce();
  expect(inner).toHaveBeenCalledOnce();
});

it("also where a browser does not tell when it rests", async () => {
  vi.stubGlobal("requestIdleCallback", undefined);
  const load = vi.fn(async () => part("there"));
  lazy(load);
  await preload();
  expect(load).toHaveBeenCalledOnce();
});

it("what cannot be had beforehand is passed over without a word, and had when it is shown", async () => {
  const load = vi.fn<() => Promise<Loaded>>(async () => part("there"));
  load.mockRejectedValueOnce(new TypeError("no connection"));
  const next = vi.fn(async () => part("next"));
  const Part = lazy(load);
  lazy(next);
  await preload();
  expect(next).toHaveBeenCalledOnce();
  expect(toasts()).toEqual([]);
  expect(mended).not.toHaveBeenCalled();
  show(Part);
  await until(() => expect(document.body.textContent).toBe("there"));
});

it("what cannot be had when it is shown is told, and the page is mended", async () => {
  const Part = lazy(() => Promise.reject<Loaded>(new TypeError("no connection")));
  show(Part);
  await until(() => expect(toasts()).toHaveLength(1));
  expect(mended).toHaveBeenCalledOnce();
});
