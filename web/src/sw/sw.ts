/** The service worker: opens the client without a connection, and opens chats from notifications. */

import { isPage } from "./paths";
import { type Build, Shell } from "./shell";
import { CLAIM, OPEN, TAKE_OVER } from "./words";

declare const self: ServiceWorkerGlobalScope;
/** Put in by the build. */
declare const BUILD: Build;

const shell = new Shell(BUILD, {
  caches,
  fetch: (request, init) => fetch(request, init),
  held: async () => ((await navigator.locks.query()).held ?? []).map((lock) => lock.name ?? ""),
  isFollowed: () => self.registration.installing !== null || self.registration.waiting !== null,
});

self.addEventListener("install", (event) => event.waitUntil(shell.install()));

self.addEventListener("activate", (event) => {
  event.waitUntil(Promise.all([self.clients.claim(), shell.clean()]));
});

self.addEventListener("fetch", (event) => {
  const answer = shell.answer(event.request, self.location.origin);
  if (answer === undefined) return;
  event.respondWith(answer);
  if (event.request.mode === "navigate") {
    event.waitUntil(Promise.allSettled([shell.clean(), shell.refresh()]));
  }
});

self.addEventListener("message", (event) => {
  if (event.data === TAKE_OVER) event.waitUntil(self.skipWaiting());
  if (event.data === CLAIM) event.waitUntil(self.clients.claim());
});

self.addEventListener("notificationclick", (event) => {
  event.notification.close();
  const path: unknown = (event.notification.data as { path?: unknown } | null)?.path;
  event.waitUntil(open(typeof path === "string" && isPage(path.split("#")[0] ?? "") ? path : "/"));
});

/** In the tab that was used last, or in a new one. */
async function open(path: string): Promise<void> {
  const [tab] = await self.clients.matchAll({ type: "window" });
  if (tab === undefined) {
    await self.clients.openWindow(path);
    return;
  }
  tab.postMessage({ [OPEN]: path });
  await tab.focus();
}
