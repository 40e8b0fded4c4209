import { createSignal } from "solid-js";
import { t } from "../../i18n";
import { allowNotifying, canNotify } from "../../state/notify";
import { setSetting, settings } from "../../state/settings";
import { Switch } from "./choice";

/** Of the page while it is open. */
export function Notifications() {
  const [can, setCan] = createSignal(canNotify());
  const on = () => settings.notify && can() === "yes";

  async function change(wanted: boolean) {
    const allowed = wanted && (await allowNotifying());
    setCan(canNotify());
    setSetting("notify", allowed);
  }

  const hint = () =>
    ({ yes: t.shell.notifyHint, denied: t.shell.notifyDenied, missing: t.shell.notifyMissing })[can()];

  return (
    <div class="stack">
      <Switch
        label={t.shell.notify}
        hint={hint()}
        checked={on()}
        disabled={can() !== "yes"}
        onChange={(wanted) => void change(wanted)}
      />
      <Switch
        label={t.shell.notifyPreview}
        checked={settings.notifyPreview}
        disabled={!on()}
        onChange={(shown) => setSetting("notifyPreview", shown)}
      />
    </div>
  );
}
