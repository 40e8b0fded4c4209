import { Show } from "solid-js";
import { t } from "../../i18n";
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
  return (
    <div class="connection" data-state={state()}>
      <span
        role="status"
        aria-label={t.shell.connectionIs(words())}
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
