import { createEffect, on, Show } from "solid-js";
import type { Connection } from "../../bridge/protocol";
import { t } from "../../i18n";
import { announce } from "../../state/announce";
import { ask } from "../../state/bridge";
import { account, connection } from "../../state/session";
import { failed } from "../../state/toasts";

/** Quiet when online; clear, and with something to do about it, when not. */
export function ConnectionStatus() {
  const state = () => connection().state;
  const words = () =>
    ({
      online: t.shell.connected,
      connecting: t.shell.connecting,
      updating: t.shell.updating,
      offline: t.shell.offline,
    })[state()];
  announceLoss(state);
  return (
    <div class="connection" data-state={state()}>
      <span
        role="status"
        aria-label={t.shell.connection}
        aria-live="off"
        classList={{ "visually-hidden": state() === "online" }}
      >
        {words()}
        <Show when={state() === "offline" && account() !== null}>
          <span class="connection-hint">{t.shell.offlineHint}</span>
        </Show>
      </span>
      <Show when={state() === "offline"}>
        <button type="button" class="connection-try" onClick={() => ask("reconnect", {}).catch(failed)}>
          {t.shell.tryNow}
        </button>
      </Show>
    </div>
  );
}

/** That it went, and that it is back; not each attempt. */
function announceLoss(state: () => Connection["state"]): void {
  let lost = false;
  createEffect(
    on(state, (now) => {
      if (now === "offline" && !lost) announce(`${t.shell.offline}. ${t.shell.offlineHint}`);
      if (now === "online" && lost) announce(t.shell.connected);
      if (now === "offline" || now === "online") lost = now === "offline";
    }),
  );
}
