/** How this browser shows things. Kept here alone, the same in all tabs. */

import { createRoot, createEffect } from "solid-js";
import { createStore, reconcile } from "solid-js/store";
import { LANGUAGES, preferredLanguage, setLanguage, type Language } from "../i18n";

export interface Settings {
  theme: "system" | "light" | "dark";
  text: "small" | "normal" | "large" | "huge";
  language: Language | "system";
  notify: boolean;
  /** What was written is in the notification, not only who wrote. */
  notifyPreview: boolean;
  /** Shortcuts of a single character. */
  singleKeys: boolean;
}

const DEFAULTS: Settings = {
  theme: "system",
  text: "normal",
  language: "system",
  notify: false,
  notifyPreview: true,
  singleKeys: true,
};

const CHOICES: { readonly [K in keyof Settings]: (value: unknown) => boolean } = {
  theme: (value) => value === "system" || value === "light" || value === "dark",
  text: (value) => value === "small" || value === "normal" || value === "large" || value === "huge",
  language: (value) => value === "system" || (typeof value === "string" && Object.hasOwn(LANGUAGES, value)),
  notify: (value) => typeof value === "boolean",
  notifyPreview: (value) => typeof value === "boolean",
  singleKeys: (value) => typeof value === "boolean",
};

const KEY = "heliograph.settings";

/** What was kept, without what is of an older or a newer version, or is not ours. */
export function readSettings(kept: string | null): Settings {
  const settings: Settings = { ...DEFAULTS };
  let found: unknown;
  try {
    found = JSON.parse(kept ?? "{}");
  } catch {
    return settings;
  }
  if (typeof found !== "object" || found === null) return settings;
  const values = found as Record<string, unknown>;
  for (const name of Object.keys(DEFAULTS) as (keyof Settings)[]) {
    if (CHOICES[name](values[name])) Object.assign(settings, { [name]: values[name] });
  }
  return settings;
}

/** A browser may refuse to keep anything: then the settings are those of this tab. */
function kept(): string | null {
  try {
    return localStorage.getItem(KEY);
  } catch {
    return null;
  }
}

const [store, setStore] = createStore<Settings>(readSettings(kept()));

export const settings: Readonly<Settings> = store;

export function setSetting<K extends keyof Settings>(name: K, value: Settings[K]): void {
  setStore({ [name]: value });
  keepSettings();
}

function keepSettings(): void {
  try {
    localStorage.setItem(KEY, JSON.stringify(store));
  } catch {
    // Nothing is lost but the choice: this tab has it.
  }
}

/** Nothing of an account outlives it here, also where the browser does not clear it (`Clear-Site-Data`);
 * how things are shown is the person's own. */
export function keepOnlySettings(): void {
  try {
    localStorage.clear();
  } catch {
    // Nothing is kept there.
  }
  keepSettings();
}

window.addEventListener("storage", (event) => {
  if (event.key === KEY && event.newValue !== null) setStore(reconcile(readSettings(event.newValue)));
});

/** The page follows the settings from now on; resolves when its words are there. */
export function applySettings(): Promise<void> {
  const root = document.documentElement;
  let words = Promise.resolve();
  createRoot(() => {
    createEffect(() => {
      if (store.theme === "system") delete root.dataset["theme"];
      else root.dataset["theme"] = store.theme;
      if (store.text === "normal") delete root.dataset["text"];
      else root.dataset["text"] = store.text;
    });
    createEffect(() => {
      const wanted = store.language === "system" ? preferredLanguage() : store.language;
      words = setLanguage(wanted).catch((error: unknown) => console.error(error));
    });
  });
  return words;
}
