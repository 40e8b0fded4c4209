/** The page's side of the service worker. */

import { scriptAddress } from "../trusted";
import { CACHE } from "./shell";
import { type Unsaved, Update } from "./update";
import { CLAIM, OPEN, TAKE_OVER } from "./words";

export type { Unsaved } from "./update";

const MENDED = "heliograph-mended";
const BUILD = /<meta name="build" content="([^"]+)"/;

let told: () => void = () => undefined;

const update = new Update(
  {
    hidden: () => document.hidden,
    reload: () => location.reload(),
    takeOver,
    reachable: async () => (await served()) !== undefined,
    mended: {
      get: () => Number(sessionStorage.getItem(MENDED) ?? 0),
      set: (ms) => sessionStorage.setItem(MENDED, String(ms)),
    },
    now: () => Date.now(),
  },
  () => told(),
);

/**
 * Keeps the client in this browser where that is possible, and learns of newer ones. Call it once.
 *
 * @param outdated - The server has a newer client: offer to load it. It is told once.
 * @param open - Somebody clicked a notification: show this path.
 */
export function keepClient(outdated: () => void, open: (path: string) => void): void {
  told = outdated;
  document.addEventListener("visibilitychange", () => {
    update.visibility();
    if (!document.hidden) void checkClient();
  });
  navigator.serviceWorker?.addEventListener("message", (event: MessageEvent<unknown>) => {
    const path = (event.data as Record<string, unknown> | null)?.[OPEN];
    if (typeof path === "string") open(path);
  });
  // Another tab loaded a newer one, or this is the first; or logging out has ended it.
  navigator.serviceWorker?.addEventListener("controllerchange", () => void compare());
  // A page that was still loading when the first service worker became active is not among those it took.
  void navigator.serviceWorker?.ready.then(({ active }) => {
    if (navigator.serviceWorker.controller === null) active?.postMessage(CLAIM);
  });
  // Held as long as the page lives: its build stays in the browser (`shell.ts`).
  void navigator.locks?.request(CACHE + build(), { mode: "shared" }, () => new Promise(() => {}));
  void checkClient();
}

/** Asks whether there is a newer client; also when the connection to the server is back. */
export async function checkClient(): Promise<void> {
  if (!import.meta.env.PROD) return; // the development server brings what is new by itself
  await update.back();
  try {
    if (navigator.serviceWorker === undefined) await compare();
    else await register();
  } catch {
    // No connection, or a browser that keeps nothing: asked again another time.
  }
}

/**
 * A file of this build that somebody waits for. If it is nowhere to be had, the page is loaded again
 * where that helps; the refusal is the caller's to tell.
 */
export async function needed<T>(file: Promise<T>): Promise<T> {
  try {
    return await file;
  } catch (why) {
    void update.mend();
    throw why;
  }
}

/** Loads the newer client, after what is unsaved is saved. */
export function loadClient(): Promise<void> {
  return update.load();
}

/** A part of the page with something that a reload would lose; ends with the returned function. */
export function beforeReload(part: Unsaved): () => void {
  return update.add(part);
}

function build(): string {
  return document.querySelector<HTMLMetaElement>("meta[name=build]")?.content ?? "";
}

/** Again each time: logging out may have ended it (`Clear-Site-Data`). */
async function register(): Promise<void> {
  const registration = await navigator.serviceWorker.register(scriptAddress("/sw.js"), {
    updateViaCache: "none",
  });
  if (!watched.has(registration)) watch(registration);
  await registration.update();
}

const watched = new WeakSet<ServiceWorkerRegistration>();

function watch(registration: ServiceWorkerRegistration): void {
  watched.add(registration);
  const waits = (): void => {
    if (registration.waiting !== null && registration.active !== null) update.found();
  };
  waits();
  registration.addEventListener("updatefound", () => {
    registration.installing?.addEventListener("statechange", waits);
  });
}

/** Whether the server has another build. */
async function compare(): Promise<void> {
  const theirs = await served();
  if (theirs !== undefined && theirs !== build()) update.found();
}

/** The build of the page that the server has now. A network that asks for a login answers with its own. */
async function served(): Promise<string | undefined> {
  try {
    const answer = await fetch("/", { cache: "no-cache" });
    return answer.ok ? BUILD.exec(await answer.text())?.[1] : undefined;
  } catch {
    return undefined;
  }
}

/** Another page may have done it meanwhile: then none waits. */
async function takeOver(): Promise<void> {
  const registration = await navigator.serviceWorker?.getRegistration();
  const waiting = registration?.waiting;
  if (!waiting) return;
  await new Promise<void>((resolve) => {
    waiting.addEventListener("statechange", () => {
      if (waiting.state === "activated" || waiting.state === "redundant") resolve();
    });
    waiting.postMessage(TAKE_OVER);
  });
}
