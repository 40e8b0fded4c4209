import { For } from "solid-js";
import { t } from "../../i18n";
import { SHORTCUTS } from "./shortcuts";

const KEY_NAMES = new Set(["enter", "shift", "ctrl", "alt", "esc"]);

/** A Mac has other keys in these places. */
const MAC: Readonly<Record<string, string>> = { ctrl: "⌘", alt: "⌥", shift: "⇧" };
const isMac = /Mac|iPhone|iPad/.test(navigator.platform);

function keyName(key: string): string {
  const mac = isMac ? MAC[key] : undefined;
  return mac ?? (KEY_NAMES.has(key) ? t.shell.key[key as keyof typeof t.shell.key] : key);
}

interface Line {
  text: string;
  keys: readonly string[];
}

/** Those that views have of their own, beside those of the page. */
const lines = (): Line[] => [
  ...SHORTCUTS.map(({ name, keys }) => ({ text: t.shell.shortcutKeys[name], keys })),
  { text: t.shell.shortcutKeys.listMove, keys: ["↑", "↓"] },
  { text: t.shell.shortcutKeys.send, keys: ["enter"] },
  { text: t.shell.shortcutKeys.newLine, keys: ["shift", "enter"] },
  { text: t.shell.shortcutKeys.editLast, keys: ["↑"] },
];

export function ShortcutList() {
  return (
    <dl class="shortcuts">
      <For each={lines()}>
        {(line) => (
          <div class="shortcut">
            <dt>{line.text}</dt>
            <dd>
              <For each={line.keys}>{(key) => <kbd>{keyName(key)}</kbd>}</For>
            </dd>
          </div>
        )}
      </For>
    </dl>
  );
}
