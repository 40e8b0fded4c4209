import fc from "fast-check";
import { expect, test } from "vitest";
import type { Slice } from "../../src/worker/store/store";
import { sliceAt, withSlice } from "../../src/worker/sync/slices";

const slice = fc.tuple(fc.nat({ max: 40 }), fc.nat({ max: 6 })).map(([start, length]): Slice => ({ start, end: start + length }));

test("slices are the ids that were added, in as few pieces as there are", () => {
  fc.assert(
    fc.property(fc.array(slice, { maxLength: 12 }), (added) => {
      let slices: Slice[] = [];
      const ids = new Set<number>();
      for (const one of added) {
        slices = withSlice(slices, one);
        for (let id = one.start; id <= one.end; id++) ids.add(id);
      }
      expect(slices.flatMap(({ start, end }) => Array.from({ length: end - start + 1 }, (_, at) => start + at))).toEqual(
        [...ids].sort((a, b) => a - b),
      );
      for (const [index, one] of slices.slice(1).entries()) expect(one.start).toBeGreaterThan(slices[index]!.end + 1);
      for (let id = 0; id < 50; id++) expect(sliceAt(slices, id) !== undefined).toBe(ids.has(id));
    }),
  );
});

test("a slice of nothing adds nothing", () => {
  expect(withSlice([{ start: 1, end: 2 }], { start: 3, end: 2 })).toEqual([{ start: 1, end: 2 }]);
});
