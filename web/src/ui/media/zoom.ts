/** Fingers and wheel on a picture: larger, moved, the next one, away. Pure but for the listeners. */

export interface View {
  scale: number;
  x: number;
  y: number;
}

export const WHOLE: View = { scale: 1, x: 0, y: 0 };
const SCALE_MAX = 8;
const SWIPE_PX = 60;

/** So large, with the point under the finger (from the middle of the picture) staying where it is. */
export function zoomed(view: View, scale: number, x: number, y: number): View {
  const next = Math.max(1, Math.min(SCALE_MAX, scale));
  if (next === 1) return WHOLE;
  const by = next / view.scale;
  return { scale: next, x: x - (x - view.x) * by, y: y - (y - view.y) * by };
}

/** Moved, but never out of sight. */
export function moved(view: View, dx: number, dy: number, width: number, height: number): View {
  const across = ((view.scale - 1) * width) / 2;
  const along = ((view.scale - 1) * height) / 2;
  const within = (value: number, most: number) => Math.max(-most, Math.min(most, value));
  return { ...view, x: within(view.x + dx, across), y: within(view.y + dy, along) };
}

interface Zooming {
  get: () => View;
  set: (view: View) => void;
  /** -1: the one to the left; 1: the one to the right. */
  swipe: (way: -1 | 1) => void;
  close: () => void;
}

/** Returns what ends it. */
export function zooming(box: HTMLElement, { get, set, swipe, close }: Zooming): () => void {
  const fingers = new Map<number, { x: number; y: number }>();
  let begun: { x: number; y: number } | undefined;
  let apart = 0;
  let tapped = 0;

  const fromMiddle = (x: number, y: number) => {
    const at = box.getBoundingClientRect();
    return [x - at.left - at.width / 2, y - at.top - at.height / 2] as const;
  };
  const between = () => {
    const [one, other] = [...fingers.values()];
    if (!one || !other) return undefined;
    return { x: (one.x + other.x) / 2, y: (one.y + other.y) / 2, apart: Math.hypot(one.x - other.x, one.y - other.y) };
  };

  const down = (event: PointerEvent) => {
    if (event.target instanceof Element && event.target.closest("button, video, a")) return;
    box.setPointerCapture(event.pointerId);
    fingers.set(event.pointerId, { x: event.clientX, y: event.clientY });
    begun = fingers.size === 1 ? { x: event.clientX, y: event.clientY } : undefined;
    apart = between()?.apart ?? 0;
  };

  const move = (event: PointerEvent) => {
    const finger = fingers.get(event.pointerId);
    if (!finger) return;
    const dx = event.clientX - finger.x;
    const dy = event.clientY - finger.y;
    fingers.set(event.pointerId, { x: event.clientX, y: event.clientY });
    const pinch = between();
    if (pinch) {
      set(zoomed(get(), (get().scale * pinch.apart) / (apart || pinch.apart), ...fromMiddle(pinch.x, pinch.y)));
      apart = pinch.apart;
    } else if (get().scale > 1) set(moved(get(), dx, dy, box.clientWidth, box.clientHeight));
  };

  const up = (event: PointerEvent) => {
    fingers.delete(event.pointerId);
    const from = begun;
    begun = undefined;
    if (!from || get().scale > 1) return;
    const dx = event.clientX - from.x;
    const dy = event.clientY - from.y;
    if (Math.abs(dx) > SWIPE_PX && Math.abs(dx) > Math.abs(dy) * 1.5) swipe(dx < 0 ? 1 : -1);
    else if (dy > SWIPE_PX * 1.5 && event.pointerType !== "mouse") close();
    else if (Math.hypot(dx, dy) < 8) tap(event);
  };

  /** Beside the picture it closes; twice on it makes it larger. */
  const tap = (event: PointerEvent) => {
    const target = document.elementFromPoint(event.clientX, event.clientY);
    if (target === box) return close();
    if (event.timeStamp - tapped < 350) {
      set(get().scale > 1 ? WHOLE : zoomed(get(), 2.5, ...fromMiddle(event.clientX, event.clientY)));
      tapped = 0;
    } else tapped = event.timeStamp;
  };

  const wheel = (event: WheelEvent) => {
    event.preventDefault();
    const by = Math.exp(-event.deltaY * (event.ctrlKey ? 0.01 : 0.0025));
    set(zoomed(get(), get().scale * by, ...fromMiddle(event.clientX, event.clientY)));
  };

  const lost = (event: PointerEvent) => fingers.delete(event.pointerId);
  box.addEventListener("pointerdown", down);
  box.addEventListener("pointermove", move);
  box.addEventListener("pointerup", up);
  box.addEventListener("pointercancel", lost);
  box.addEventListener("wheel", wheel, { passive: false });
  return () => {
    box.removeEventListener("pointerdown", down);
    box.removeEventListener("pointermove", move);
    box.removeEventListener("pointerup", up);
    box.removeEventListener("pointercancel", lost);
    box.removeEventListener("wheel", wheel);
  };
}
