import fc from "fast-check";
import { expect, test } from "vitest";
import type { Numbered } from "../../src/contract";
import { pass } from "../../src/worker/sync/gate";

const numbered = (pts: number): Numbered => ({ pts, update: { type: "delivered", chat_id: "c", max_id: pts, user_id: 1 } });

test("each update passes once and in order, however they come", () => {
  fc.assert(
    fc.property(fc.array(fc.array(fc.integer({ min: 1, max: 20 }), { maxLength: 5 }), { maxLength: 20 }), (batches) => {
      let [pts, held] = [3, new Map() as ReadonlyMap<number, Numbered>];
      const passed: number[] = [];
      for (const batch of batches) {
        const now = pass(pts, held, batch.map(numbered));
        passed.push(...now.ready.map((one) => one.pts));
        ({ pts, held } = now);
      }
      const came = new Set(batches.flat());
      let last = 3;
      while (came.has(last + 1)) last++;
      expect(passed).toEqual(Array.from({ length: last - 3 }, (_, index) => 4 + index));
      expect(pts).toBe(last);
      expect([...held.keys()].every((one) => one > pts + 1)).toBe(true);
    }),
  );
});

test("of what comes much too early, only the next ones are kept", () => {
  const { held } = pass(0, new Map(), Array.from({ length: 3_000 }, (_, index) => numbered(3_002 - index)));
  expect(held.size).toBe(1_000);
  expect(held.has(3)).toBe(true);
});
