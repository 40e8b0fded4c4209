import { createEffect, createSignal, For, onCleanup, Show } from "solid-js";
import { t } from "../../i18n";
import { actOnToast, dismissToast, TOAST_MS, toasts, type Toast } from "../../state/toasts";
import { IconButton } from "./button";
import { Icon } from "./icons";

/** Once in the page. It is always there, so that a screen reader hears what comes into it. */
export function ToastLayer() {
  return (
    <div class="toasts" role="log" aria-label={t.shell.toasts}>
      <For each={toasts()}>{(toast) => <ToastItem toast={toast} />}</For>
    </div>
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
          {props.toast.actLabel ?? t.shell.undo}
        </button>
      </Show>
      <IconButton icon="close" label={t.shell.dismiss} onClick={() => dismissToast(props.toast.id)} />
    </div>
  );
}
