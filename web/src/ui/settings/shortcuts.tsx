import { t } from "../../i18n";
import { setSetting, settings } from "../../state/settings";
import { ShortcutList } from "../app/shortcut_list";
import { Switch } from "./choice";

export default function Shortcuts() {
  return (
    <div class="stack">
      <Switch
        label={t.shell.singleKeys}
        hint={t.shell.singleKeysHint}
        checked={settings.singleKeys}
        onChange={(on) => setSetting("singleKeys", on)}
      />
      <ShortcutList />
    </div>
  );
}
