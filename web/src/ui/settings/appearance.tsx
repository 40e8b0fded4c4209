import { createUniqueId, For } from "solid-js";
import { LANGUAGES, t, type Language } from "../../i18n";
import { setSetting, settings } from "../../state/settings";
import { Choice } from "./choice";

/** Colours, text size, language: of this browser alone. */
export function Appearance() {
  const id = createUniqueId();
  return (
    <div class="stack">
      <Choice
        label={t.shell.theme}
        options={["system", "light", "dark"]}
        name={(theme) => t.shell.themes[theme]}
        value={settings.theme}
        onChange={(theme) => setSetting("theme", theme)}
      />
      <Choice
        label={t.shell.textSize}
        options={["small", "normal", "large", "huge"]}
        name={(size) => t.shell.textSizes[size]}
        value={settings.text}
        onChange={(size) => setSetting("text", size)}
      />
      <div class="field">
        <label for={id}>{t.shell.language}</label>
        <div class="field-box select">
          <select
            id={id}
            value={settings.language}
            onChange={(event) => setSetting("language", event.currentTarget.value as Language | "system")}
          >
            <option value="system">{t.shell.languageSystem}</option>
            <For each={Object.entries(LANGUAGES)}>
              {([language, name]) => (
                <option value={language} lang={language}>
                  {name}
                </option>
              )}
            </For>
          </select>
        </div>
      </div>
    </div>
  );
}
