import { vi } from "vitest";

/** Waits for what is expected to be so: as long as a test may take, for machines may be busy. */
export function until<T>(expected: () => T | Promise<T>): Promise<T> {
  return vi.waitFor(expected, { timeout: 50_000 });
}
