/** What page and service worker say to each other. */

/** To a service worker that waits: its build shall be the current one. */
export const TAKE_OVER = "take over";

/** To the current service worker: take the pages that have none. */
export const CLAIM = "claim";

/** To the page, with a path: somebody clicked a notification. */
export const OPEN = "open";
