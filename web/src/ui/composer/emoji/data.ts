/** The emoji: read when they are first asked for. */

import type { Language } from "../../../i18n";
import { needed } from "../../../sw/register";

export interface Emoji {
  emoji: string;
  /** What it is called: its name, and other words for it. */
  name: string;
  words: string;
}

const LOADERS: Readonly<Record<"en" | "de", () => Promise<{ default: string[] }>>> = {
  en: () => import("virtual:emoji/en"),
  de: () => import("virtual:emoji/de"),
};

/** By group. Languages that there are no words for search in English. */
export async function loadEmoji(language: Language): Promise<Emoji[][]> {
  const groups = (await needed(LOADERS[language === "de" ? "de" : "en"]())).default;
  return groups.map((group) =>
    group.split("\n").map((line) => {
      const [emoji = "", words = ""] = line.split("\t");
      return { emoji, name: words.split("|", 1)[0] ?? "", words: words.toLocaleLowerCase(language) };
    }),
  );
}

/** Those in which every word is found, names that begin with it first. */
export function searchEmoji(groups: readonly Emoji[][], text: string, most: number): Emoji[] {
  const wanted = text.trim().toLocaleLowerCase().split(/\s+/u).filter(Boolean);
  const found = groups.flat().filter(({ words }) => wanted.every((word) => words.includes(word)));
  const begins = (one: Emoji) => (wanted[0] && one.words.startsWith(wanted[0]) ? 0 : 1);
  return found.sort((one, other) => begins(one) - begins(other)).slice(0, most);
}

const KEY = "heliograph.emoji";
const RECENT_MAX = 36;

export function recentEmoji(): string[] {
  try {
    const kept: unknown = JSON.parse(localStorage.getItem(KEY) ?? "[]");
    return Array.isArray(kept) ? kept.filter((one): one is string => typeof one === "string").slice(0, RECENT_MAX) : [];
  } catch {
    return [];
  }
}

export function useEmoji(emoji: string): void {
  const recent = [emoji, ...recentEmoji().filter((one) => one !== emoji)].slice(0, RECENT_MAX);
  try {
    localStorage.setItem(KEY, JSON.stringify(recent));
  } catch {
    // Then they are found by searching.
  }
}
