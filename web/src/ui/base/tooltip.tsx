import { createSignal, onCleanup, onMount, Show } from "solid-js";
import { Portal } from "solid-js/web";
import { place } from "./place";

const WAIT_MS = 500;

/**
 * One for the page: whatever has `data-tip` shows it under a pointer that rests there, and when keys
 * bring the focus there. It says what the accessible name says, so a screen reader does not hear of it.
 */
export function TooltipLayer() {
  const [at, setAt] = createSignal<{ anchor: Element; text: string }>();
  let timer: ReturnType<typeof setTimeout> | undefined;
  const hide = () => {
    clearTimeout(timer);
    setAt(undefined);
  };
  const anchorOf = (event: Event) =>
    event.target instanceof Element ? event.target.closest("[data-tip]") : null;
  const show = (anchor: Element) => {
    const text = anchor.getAttribute("data-tip");
    if (text && anchor.isConnected) setAt({ anchor, text });
  };
  const pointed = (event: PointerEvent) => {
    hide();
    const anchor = anchorOf(event);
    if (anchor !== null && event.pointerType === "mouse") timer = setTimeout(show, WAIT_MS, anchor);
  };
  const focused = (event: FocusEvent) => {
    const anchor = anchorOf(event);
    hide();
    if (anchor !== null && event.target instanceof Element && event.target.matches(":focus-visible")) {
      timer = setTimeout(show, WAIT_MS, anchor);
    }
  };
  onMount(() => {
    document.addEventListener("pointerover", pointed);
    document.addEventListener("focusin", focused);
    document.addEventListener("focusout", hide);
    document.addEventListener("pointerdown", hide);
    document.addEventListener("keydown", hide);
    document.addEventListener("scroll", hide, { capture: true, passive: true });
  });
  onCleanup(() => {
    hide();
    document.removeEventListener("pointerover", pointed);
    document.removeEventListener("focusin", focused);
    document.removeEventListener("focusout", hide);
    document.removeEventListener("pointerdown", hide);
    document.removeEventListener("keydown", hide);
    document.removeEventListener("scroll", hide, true);
  });
  return (
    <Show when={at()} keyed>
      {(tip) => (
        <Portal>
          <Tip anchor={tip.anchor} text={tip.text} />
        </Portal>
      )}
    </Show>
  );
}

function Tip(props: { anchor: Element; text: string }) {
  let box: HTMLDivElement | undefined;
  onMount(() => box && place(box, props.anchor, true));
  return (
    <div ref={box} class="tooltip" aria-hidden="true">
      {props.text}
    </div>
  );
}
