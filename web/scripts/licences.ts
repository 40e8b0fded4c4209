/** Collects what the licences of bundled packages ask for: their text goes where their code goes. */

import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";

interface Package {
  name: string;
  version: string;
  license?: string;
}

const TEXTS = /^(?:licen[cs]e|copying|notice)/i;

/** The folder of the package that a module is of; nothing for a module of our own. */
function folderOf(module: string): string | undefined {
  if (!module.includes("/node_modules/")) return undefined;
  for (let folder = dirname(module); ; folder = dirname(folder)) {
    const manifest = join(folder, "package.json");
    // Packages have files of that name in folders, too, which say only how modules are read.
    if (existsSync(manifest) && readPackage(folder).name !== undefined) return folder;
    if (dirname(folder) === folder) return undefined;
  }
}

function readPackage(folder: string): Partial<Package> {
  return JSON.parse(readFileSync(join(folder, "package.json"), "utf8")) as Partial<Package>;
}

/** One text with a section for each package; a package that says nothing is an error. */
export function licencesOf(modules: Iterable<string>): string {
  const folders = new Set<string>();
  for (const module of modules) {
    const folder = folderOf(module);
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
