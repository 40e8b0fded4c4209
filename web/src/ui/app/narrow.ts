import { createSignal } from "solid-js";

/** As in `shell.css`: there is room for the list or for the chat, not for both. */
const query = matchMedia("(width < 48rem)");
const [narrow, setNarrow] = createSignal(query.matches);
query.addEventListener("change", () => setNarrow(query.matches));

export { narrow };
