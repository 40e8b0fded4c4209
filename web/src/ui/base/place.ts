/** Where something small goes that belongs to something else: beside it, and inside the window. */

export interface Point {
  x: number;
  y: number;
}

const GAP_PX = 6;
const EDGE_PX = 8;

/**
 * Under the anchor, or above it where there is more room; begins where the anchor begins, or ends where
 * it ends. `centered`: its middle at the anchor's.
 */
export function place(box: HTMLElement, anchor: Element | Point, centered = false): void {
  const at =
    anchor instanceof Element
      ? anchor.getBoundingClientRect()
      : { left: anchor.x, right: anchor.x, top: anchor.y, bottom: anchor.y };
  const gap = anchor instanceof Element ? GAP_PX : 0;
  const width = box.offsetWidth;
  const height = box.offsetHeight;
  const below = innerHeight - EDGE_PX - at.bottom - gap;
  const above = at.top - EDGE_PX - gap;
  const top = below >= height || below >= above ? at.bottom + gap : at.top - gap - height;
  const rtl = document.documentElement.dir === "rtl";
  const aligned = rtl ? at.right - width : at.left;
  const other = rtl ? at.left : at.right - width;
  const fits = aligned >= EDGE_PX && aligned + width <= innerWidth - EDGE_PX;
  const left = centered ? (at.left + at.right - width) / 2 : fits ? aligned : other;
  box.style.left = `${clamp(left, EDGE_PX, innerWidth - EDGE_PX - width)}px`;
  box.style.top = `${clamp(top, EDGE_PX, innerHeight - EDGE_PX - height)}px`;
}

function clamp(value: number, low: number, high: number): number {
  return Math.max(low, Math.min(value, high));
}
