/** The time, as often as a page needs it that shows "5 minutes ago". */

import { createSignal } from "solid-js";

const MINUTE_MS = 60_000;
const [minute, setMinute] = createSignal(Date.now());

/** Changes every minute, and when the page is looked at again. */
export { minute };

setInterval(() => !document.hidden && setMinute(Date.now()), MINUTE_MS);
document.addEventListener("visibilitychange", () => !document.hidden && setMinute(Date.now()));
