import { For } from "solid-js";
import { announced } from "../../state/announce";

/**
 * Once in the page, and never inert: what comes back from under a dialog is said again. Each line is
 * an element of its own, so that the same words are said as often as they are true.
 */
export function Announcer() {
  return (
    <div class="visually-hidden" aria-live="polite">
      <For each={announced()}>{(line) => <p>{line.text}</p>}</For>
    </div>
  );
}
