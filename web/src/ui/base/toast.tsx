import { createEffect, createSignal, For, onCleanup, Show } from "solid-js";
import { t } from "../../i18n";
import { actionOf, actOnToast, dismissToast, TOAST_MS, toasts, type Toast } from "../../state/toasts";
import { IconButton } from "./button";
import { keepFocus } from "./focus";
import { Icon } from "./icons";

/** Once in the page. */
export function ToastLayer() {
  return (
    <Show when={toasts().length > 0}>
      <section class="toasts" aria-label={t.shell.toasts}>
        <For each={toasts()}>{(toast) => <ToastItem toast={toast} />}</For>
      </section>
    </Show>
  );
}

function ToastItem(props: { toast: Toast }) {
  const [held, setHeld] = createSignal(false);
  createEffect(() => {
    if (held()) return;
    const timer = setTimeout(dismissToast, TOAST_MS, props.toast.id);
    onCleanup(() => clearTimeout(timer));
  });
  return (
    <div
      ref={keepFocus}
      class="toast"
      onPointerEnter={() => setHeld(true)}
      onPointerLeave={() => setHeld(false)}
      onFocusIn={() => setHeld(true)}
      onFocusOut={() => setHeld(false)}
    >
      <Show when={props.toast.kind === "problem"}>
        <Icon name="alert" />
      </Show>
      <span class="toast-text">{props.toast.text}</span>
      <Show when={props.toast.act}>
        <button type="button" class="toast-act" onClick={() => actOnToast(props.toast)}>
          {actionOf(props.toast)}
        </button>
      </Show>
      <IconButton icon="close" label={t.shell.dismiss} onClick={() => dismissToast(props.toast.id)} />
    </div>
  );
}
