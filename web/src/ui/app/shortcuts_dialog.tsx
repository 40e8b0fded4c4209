import { t } from "../../i18n";
import { back } from "../../state/route";
import { Dialog } from "../base";
import { ShortcutList } from "./shortcut_list";
import "../../styles/settings.css";

export default function ShortcutsDialog() {
  return (
    <Dialog title={t.shell.settingsPages.shortcuts} onClose={back} toRead>
      <ShortcutList />
    </Dialog>
  );
}
