/**
 * When the page loads a newer build: when the person says so, or when it has been hidden for a
 * while and nothing in it would be lost. What is unsaved is saved first.
 */

/** A part of the page that a reload would take something from. */
export interface Unsaved {
  /** Somebody is in the middle of it: not without being asked. */
  busy(): boolean;
  save?(): Promise<unknown>;
}

/** What is around it in the browser, and stands in for it in tests. */
export interface Page {
  hidden(): boolean;
  reload(): void;
  /** The newer build serves pages from now on. */
  takeOver(): Promise<void>;
  /** The server answers. */
  reachable(): Promise<boolean>;
  /** When it last reloaded to mend itself; kept beyond the reload. */
  mended: { get(): number; set(ms: number): void };
  now(): number;
}

const HIDDEN_MS = 60_000;
/** How long saving may take: a page that hangs helps nobody. */
const SAVE_MS_MAX = 2_000;
/**
 * How long taking over may: a page that is loaded meanwhile is the old one again. Chromium ends the service
 * worker that is current when nothing asks it. If a page (any tab that is being loaded) asks it just then, it
 * is started again, and the one that waits goes on waiting: until nobody has asked for half a minute, or a
 * page is loaded.
 */
const TAKE_OVER_MS_MAX = 10_000;
const MEND_AGAIN_MS = 60_000;

export class Update {
  readonly #parts = new Set<Unsaved>();
  #timer: ReturnType<typeof setTimeout> | undefined;
  #outdated = false;
  #leaving = false;
  #broken = false;

  constructor(
    readonly page: Page,
    readonly tell: () => void,
  ) {}

  /** Until the function that is returned is called. */
  add(part: Unsaved): () => void {
    this.#parts.add(part);
    return () => this.#parts.delete(part);
  }

  /** There is a newer build. */
  found(): void {
    if (this.#outdated) return;
    this.#outdated = true;
    this.tell();
    this.visibility();
  }

  /** To be called when the page was hidden or shown. */
  visibility(): void {
    clearTimeout(this.#timer);
    if (!this.#outdated || !this.page.hidden()) return;
    this.#timer = setTimeout(() => {
      if ([...this.#parts].some((part) => part.busy())) this.visibility();
      else void this.load();
    }, HIDDEN_MS);
  }

  async load(): Promise<void> {
    if (this.#leaving) return;
    this.#leaving = true;
    await bounded(this.page.takeOver(), TAKE_OVER_MS_MAX);
    // Now, for somebody may have written while it waited.
    await bounded(Promise.allSettled([...this.#parts].map(async (part) => part.save?.())), SAVE_MS_MAX);
    this.page.reload();
  }

  /** The connection is back: what could not be mended without it is now. */
  async back(): Promise<void> {
    if (this.#broken) await this.mend();
  }

  /**
   * A file of this build is nowhere to be had. True: the page is loaded again, with what the server
   * has now. False: that would not help, or would leave nothing; who asked for the file says so.
   */
  async mend(): Promise<boolean> {
    if (this.#leaving) return true;
    if (this.page.now() - this.page.mended.get() < MEND_AGAIN_MS) return false;
    this.#broken = !(await this.page.reachable());
    if (this.#broken) return false;
    this.page.mended.set(this.page.now());
    await this.load();
    return true;
  }
}

async function bounded(done: Promise<unknown>, ms: number): Promise<void> {
  await Promise.race([done, new Promise((resolve) => setTimeout(resolve, ms))]);
}
