/**
 * Keeps what is read where it is. Before something changes it is noted where the messages in view
 * are; afterwards the list is scrolled by the difference. The scroller is a reversed column with
 * one child: 0 is the end, so that growing at the end sticks and growing above moves nothing.
 */

interface Mark {
  element: HTMLElement;
  id: number;
  /**
   * Its lower edge, if that is in view: then what changes in it moves only what is above, as where it
   * becomes the first of its sender.
   */
  edge: "top" | "bottom";
  /** Of that edge, from the bottom of the scroller. */
  offset: number;
}

/** What is in view: ids of the first and the last message, and of the one in the middle. */
export interface View {
  first: number;
  middle: number;
  last: number;
  /** The last one whose end is in view: it can have been read. */
  seen: number;
}

const NO_VIEW: View = { first: 0, middle: 0, last: 0, seen: 0 };

export class Anchor {
  #marks: Mark[] = [];
  #scrolled = 0;
  view: View = NO_VIEW;
  /** At the end of what is shown. */
  bottom = true;

  constructor(
    readonly scroller: HTMLElement,
    readonly content: HTMLElement,
  ) {}

  /** Notes where things are: after every scroll, and before a change. */
  note(): void {
    const box = this.scroller.getBoundingClientRect();
    const now = this.scroller.scrollTop;
    // Scrolling is by whole pixels: what it missed by is made up for the next time, or it would add up.
    const meant = new Map(this.#marks.map((mark) => [mark.element, mark.offset + now - this.#scrolled]));
    this.#scrolled = now;
    this.bottom = this.#scrolled > -1;
    const inView: Mark[] = [];
    let seen = 0;
    for (const element of this.content.querySelectorAll<HTMLElement>("[data-id]")) {
      const { top, bottom } = element.getBoundingClientRect();
      if (bottom <= box.top) continue;
      if (top >= box.bottom) break;
      const id = Number(element.dataset["id"]);
      const edge = bottom <= box.bottom ? "bottom" : "top";
      const found = box.bottom - (edge === "top" ? top : bottom);
      const offset = meant.get(element) ?? found;
      inView.push({ element, id, edge, offset: Math.abs(offset - found) < 1 ? offset : found });
      if (bottom <= box.bottom + 1 && id) seen = Number(element.dataset["last"]);
    }
    this.#marks = inView;
    const ids = inView.map((mark) => mark.id).filter(Boolean);
    const first = ids[0];
    this.view = first
      ? { first, middle: ids[Math.floor(ids.length / 2)]!, last: ids.at(-1)!, seen }
      : { ...NO_VIEW, seen };
  }

  /**
   * Scrolls so that the first of those noted that is still there is where it was, or where the person
   * has scrolled it since. `stick`: whoever was at the end stays there.
   */
  hold(stick: boolean): void {
    const now = this.scroller.scrollTop;
    if (stick && this.bottom && now > -1) return;
    // The person's own scrolling is taken over; ours, below, is not.
    for (const mark of this.#marks) mark.offset += now - this.#scrolled;
    const mark = this.#marks.find(({ element }) => this.content.contains(element) && element.offsetHeight > 0);
    if (mark) this.#scrollTo(mark.element, mark.offset, mark.edge);
    this.#scrolled = this.scroller.scrollTop;
  }

  /** Where the place is, to come back to it: a message and the offset of its top. */
  place(): { id: number; offset: number } | undefined {
    const mark = this.#marks.find(({ id }) => id > 0);
    if (mark === undefined) return undefined;
    const { top } = mark.element.getBoundingClientRect();
    return { id: mark.id, offset: this.scroller.getBoundingClientRect().bottom - top };
  }

  element(id: number): HTMLElement | undefined {
    for (const element of this.content.querySelectorAll<HTMLElement>("[data-id]")) {
      const { id: first, last } = element.dataset;
      if (Number(first) <= id && id <= Number(last)) return element;
    }
    return undefined;
  }

  /** Brings an element to where a part of the height is above it, as far as there is room. */
  reveal(element: HTMLElement, share: number): void {
    const height = this.scroller.clientHeight;
    const room = Math.max(0, height - element.offsetHeight);
    this.#scrollTo(element, height - Math.min(share * height, room));
    this.note();
  }

  restore(element: HTMLElement, offset: number): void {
    this.#scrollTo(element, offset);
    this.note();
  }

  toEnd(): void {
    this.scroller.scrollTop = 0;
    this.note();
  }

  #scrollTo(element: HTMLElement, offset: number, edge: "top" | "bottom" = "top"): void {
    const now = this.scroller.getBoundingClientRect().bottom - element.getBoundingClientRect()[edge];
    if (Math.abs(offset - now) >= 0.5) this.scroller.scrollTop += offset - now;
  }
}
