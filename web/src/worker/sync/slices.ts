import type { Slice } from "../store/store";

/** Slices with one more, ascending; those that overlap or touch become one. */
export function withSlice(slices: readonly Slice[], more: Slice): Slice[] {
  if (more.start > more.end) return [...slices];
  const joined = { ...more };
  const apart: Slice[] = [];
  for (const slice of slices)
    if (slice.end < joined.start - 1 || slice.start > joined.end + 1) apart.push(slice);
    else {
      joined.start = Math.min(joined.start, slice.start);
      joined.end = Math.max(joined.end, slice.end);
    }
  return [...apart, joined].sort((a, b) => a.start - b.start);
}

export function sliceAt(slices: readonly Slice[], id: number): Slice | undefined {
  return slices.find((slice) => slice.start <= id && id <= slice.end);
}
