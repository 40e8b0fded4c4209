/** Which rows of a long list are near what one sees. */

export interface Visible {
  first: number;
  /** Not one of them any more. */
  end: number;
}

const AROUND = 6;

export function visibleRows(scrollTop: number, height: number, rowHeight: number, count: number): Visible {
  if (rowHeight <= 0) return { first: 0, end: Math.min(count, AROUND) };
  const first = Math.max(0, Math.floor(scrollTop / rowHeight) - AROUND);
  const end = Math.min(count, Math.ceil((scrollTop + height) / rowHeight) + AROUND);
  return { first: Math.min(first, end), end };
}

/** The ids of those rows in their order, and of one that must stay (it has the focus). */
export function shownIds(order: readonly string[], visible: Visible, kept: string | undefined): string[] {
  const shown = order.slice(visible.first, visible.end);
  if (kept === undefined || shown.includes(kept)) return shown;
  const at = order.indexOf(kept);
  if (at === -1) return shown;
  return at < visible.first ? [kept, ...shown] : [...shown, kept];
}
