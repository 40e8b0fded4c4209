/**
 * All words that a person reads. `t.shell.logIn`, `t.chat.…`, `t.errors.…` follow the language while
 * the page is open; what has a number or a name in it is a function. English is in the first
 * load and is what the types of the others come from; the others come when they are asked for.
 */

import { createSignal } from "solid-js";
import { needed } from "../sw/register";
import { texts as english } from "./en";

export type Texts = typeof english;
export type Language = "en" | "de" | "ar";

/** What each language is called by those who speak it. */
export const LANGUAGES: Readonly<Record<Language, string>> = {
  en: "English",
  de: "Deutsch",
  ar: "العربية",
};

const LOADERS: Readonly<Record<Language, () => Promise<Texts>>> = {
  en: async () => english,
  de: async () => (await import("./de")).texts,
  ar: async () => (await import("./ar")).texts,
};

const [current, setCurrent] = createSignal<{ language: Language; texts: Texts }>({
  language: "en",
  texts: english,
});

/** The words, in the language of now. */
export const t: Texts = {
  get shell() {
    return current().texts.shell;
  },
  get chat() {
    return current().texts.chat;
  },
  get errors() {
    return current().texts.errors;
  },
};

export function language(): Language {
  return current().language;
}

export function dir(): "ltr" | "rtl" {
  return language() === "ar" ? "rtl" : "ltr";
}

/** Of the languages that there are, the first one that the person has asked the browser for. */
export function preferredLanguage(wanted: readonly string[] = navigator.languages): Language {
  for (const tag of wanted) {
    const base = tag.toLowerCase().split("-")[0];
    if (base !== undefined && Object.hasOwn(LANGUAGES, base)) return base as Language;
  }
  return "en";
}

let asked: Language = "en";

/** The page stays in the old language until the new one is there. */
export async function setLanguage(wanted: Language): Promise<void> {
  asked = wanted;
  const texts = await needed(LOADERS[wanted]());
  if (asked !== wanted) return;
  setCurrent({ language: wanted, texts });
  document.documentElement.lang = wanted;
  document.documentElement.dir = dir();
}
export * from "./format";
