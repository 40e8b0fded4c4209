/** Collects what the licences of bundled packages ask for: their text goes where their code goes. */

import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

interface Package {
  name: string;
  version: string;
  license?: string;
}

const TEXTS = /^(?:licen[cs]e|copying|notice)/i;

/** The folder of a package, in the path of one of its modules. */
const FOLDER = /^.*\/node_modules\/(?:@[^/]+\/)?[^/]+/;

function readPackage(folder: string): Package {
  return JSON.parse(readFileSync(join(folder, "package.json"), "utf8")) as Package;
}

/** One text with a section for each package; a package that says nothing is an error. */
export function licencesOf(modules: Iterable<string>): string {
  const folders = new Set<string>();
  for (const module of modules) {
    const [folder] = FOLDER.exec(module) ?? []; // none: a module of our own
    if (folder !== undefined) folders.add(folder);
  }
  const sections = [...folders].map((folder) => {
    const { name, version, license } = readPackage(folder);
    const files = readdirSync(folder).filter((file) => TEXTS.test(file));
    if (license === undefined) throw new Error(`${name} does not name its licence`);
    const texts = files.map((file) => readFileSync(join(folder, file), "utf8").trim());
    return [`${name} ${version} (${license})`, ...texts].join("\n\n");
  });
  return `${sections.sort().join(`\n\n${"-".repeat(72)}\n\n`)}\n`;
}
