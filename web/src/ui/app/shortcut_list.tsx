import { For, Show } from "solid-js";
import { t } from "../../i18n";
import { chatShortcuts, type ShortcutLine } from "../chat/shortcuts";
import { SHORTCUTS, type ShortcutName } from "./shortcuts";

const KEY_NAMES = new Set(["enter", "shift", "ctrl", "alt", "esc"]);

/** A Mac has other keys in these places. */
const MAC: Readonly<Record<string, string>> = { ctrl: "⌘", alt: "⌥", shift: "⇧" };
const isMac = /Mac|iPhone|iPad/.test(navigator.platform);

function keyName(key: string): string {
  const mac = isMac ? MAC[key] : undefined;
  return mac ?? (KEY_NAMES.has(key) ? t.shell.key[key as keyof typeof t.shell.key] : key);
}

/** Those of the page, and those that views have of their own. */
function lines(): ShortcutLine[] {
  const all = new Map<ShortcutName, string[][]>();
  for (const { name, keys } of SHORTCUTS) all.set(name, [...(all.get(name) ?? []), [...keys]]);
  const words = t.shell.shortcutKeys;
  return [
    ...[...all].map(([name, ways]) => ({ text: words[name], ways })),
    { text: words.listMove, ways: [["↑"], ["↓"]] },
    { text: words.send, ways: [["enter"]] },
    { text: words.newLine, ways: [["shift", "enter"]] },
    { text: words.editLast, ways: [["↑"]] },
    ...chatShortcuts(),
  ];
}

export function ShortcutList() {
  return (
    <dl class="shortcuts">
      <For each={lines()}>
        {(line) => (
          <div class="shortcut">
            <dt>{line.text}</dt>
            <dd>
              <For each={line.ways}>
                {(keys, at) => (
                  <>
                    <Show when={at() > 0}>
                      <span class="muted small">{t.shell.orKeys}</span>
                    </Show>
                    <span class="shortcut-keys">
                      <For each={keys}>{(key) => <kbd>{keyName(key)}</kbd>}</For>
                    </span>
                  </>
                )}
              </For>
            </dd>
          </div>
        )}
      </For>
    </dl>
  );
}
