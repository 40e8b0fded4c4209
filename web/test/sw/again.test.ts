// @vitest-environment jsdom
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { keepClient } from "../../src/sw/register";

class Worker extends EventTarget {
  state = "installing";

  becomes(state: string): void {
    this.state = state;
    this.dispatchEvent(new Event("statechange"));
  }
}

class Registration extends EventTarget {
  readonly installing = new Worker();
  readonly waiting = null;
  readonly active = null;
  readonly update = async (): Promise<void> => undefined;
}

const made: Registration[] = [];
const register = vi.fn(async () => {
  const one = new Registration();
  made.push(one);
  return one;
});

beforeEach(() => {
  vi.useFakeTimers();
  vi.stubEnv("PROD", true);
  vi.stubGlobal("navigator", { serviceWorker: Object.assign(new EventTarget(), { register }) });
  vi.stubGlobal("fetch", async () => new Response(""));
});

afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllEnvs();
});

test("a client that could not be kept is kept later, and asked for less and less", async () => {
  keepClient(
    () => undefined,
    () => undefined,
  );
  await vi.advanceTimersByTimeAsync(1);
  expect(register).toHaveBeenCalledTimes(1);
  made[0]!.installing.becomes("redundant");
  await vi.advanceTimersByTimeAsync(5_000);
  expect(register).toHaveBeenCalledTimes(2);
  made[1]!.installing.becomes("redundant");
  await vi.advanceTimersByTimeAsync(5_000);
  expect(register).toHaveBeenCalledTimes(2);
  await vi.advanceTimersByTimeAsync(5_000);
  expect(register).toHaveBeenCalledTimes(3);
  made[2]!.installing.becomes("installed");
  made[2]!.installing.becomes("redundant"); // a newer one has taken its place
  await vi.advanceTimersByTimeAsync(1_000_000);
  expect(register).toHaveBeenCalledTimes(3);
});
