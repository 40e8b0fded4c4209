/**
 * Emoji for the picker, made small at build time: of the data of emojibase only what the picker shows
 * and what is searched.
 */

import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import type { Plugin } from "vite";

interface Source {
  label: string;
  hexcode: string;
  unicode: string;
  tags?: string[];
  group?: number;
  order?: number;
}

const PREFIX = "virtual:emoji/";
const ENDING = ".emoji";
/** Components (skin tones, hair) are no emoji by themselves. */
const COMPONENTS = 2;

/** A line for each group: emoji and what it is found by, apart by tabs. */
export function compacted(source: readonly Source[]): string[] {
  const groups: Source[][] = [];
  for (const emoji of source) {
    if (emoji.group === undefined || emoji.group === COMPONENTS) continue;
    (groups[emoji.group] ??= []).push(emoji);
  }
  return groups.filter(Boolean).map((group) =>
    group
      .sort((one, other) => (one.order ?? 0) - (other.order ?? 0))
      .map(({ unicode, label, tags }) => `${unicode}\t${[label, ...(tags ?? [])].join("|")}`)
      .join("\n"),
  );
}

export function emoji(): Plugin {
  const { resolve } = createRequire(import.meta.url);
  return {
    name: "heliograph:emoji",
    // In the folder of the package, so that its licence is among those of what is bundled.
    resolveId(id) {
      if (!id.startsWith(PREFIX)) return undefined;
      return resolve(`emojibase-data/${id.slice(PREFIX.length)}/compact.json`) + ENDING;
    },
    load(id) {
      if (!id.endsWith(ENDING)) return undefined;
      const source = JSON.parse(readFileSync(id.slice(0, -ENDING.length), "utf8")) as Source[];
      return `export default ${JSON.stringify(compacted(source))}`;
    },
  };
}
