/**
 * What the build does beyond bundling: gives the page the name of its build, bundles the service
 * worker with the list of what it keeps, writes down the licences, and compresses.
 */

import { createHash } from "node:crypto";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join, relative, resolve } from "node:path";
import { build, type Plugin } from "vite";
import type { Build } from "../src/sw/shell";
import { compressFolder } from "./compress.ts";
import { licencesOf } from "./licences.ts";

/** Where index.html has the name of its build. */
const PLACE = "%BUILD%";
const LICENCES = "assets/licences.txt";

/** What is not fetched to show the page: icons for the system, and the licences. */
const NOT_KEPT = /^\/(?:index\.html|manifest\.webmanifest|assets\/licences\.txt|icons\/)/;

function filesOf(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => `/${relative(folder, join(entry.parentPath, entry.name))}`)
    .sort();
}

/** Writes the name of the build, which is a hash of all that it is made of, into the page. */
function nameBuild(folder: string): Build {
  const page = join(folder, "index.html");
  const text = readFileSync(page, "utf8");
  if (!text.includes(PLACE)) throw new Error(`index.html has no place for ${PLACE}`);
  const files = filesOf(folder);
  const hash = createHash("sha256");
  for (const file of files) hash.update(`${file}\0`).update(readFileSync(join(folder, file)));
  const name = hash.digest("hex").slice(0, 16);
  writeFileSync(page, text.replaceAll(PLACE, name));
  return { name, files: ["/", ...files.filter((file) => !NOT_KEPT.test(file))] };
}

async function bundleServiceWorker(root: string, folder: string, kept: Build): Promise<void> {
  await build({
    root,
    configFile: false,
    logLevel: "warn",
    define: { BUILD: JSON.stringify(kept) },
    build: {
      outDir: folder,
      emptyOutDir: false,
      copyPublicDir: false,
      reportCompressedSize: false,
      rolldownOptions: {
        input: join(root, "src/sw/sw.ts"),
        output: { entryFileNames: "sw.js", format: "iife" },
      },
    },
  });
}

/** Two plugins, because workers are bundled on their own: each sees the modules of its part. */
export function finish(): { page: Plugin; worker: Plugin } {
  const modules = new Set<string>();
  let root = "";
  let folder = "";
  let written = false;
  const collect: Plugin["generateBundle"] = (_options, bundle) => {
    for (const part of Object.values(bundle)) {
      if (part.type === "chunk") for (const module of part.moduleIds) modules.add(module);
    }
  };
  return {
    page: {
      name: "heliograph:finish",
      apply: "build",
      configResolved(config) {
        root = config.root;
        folder = resolve(root, config.build.outDir);
      },
      generateBundle: collect,
      writeBundle() {
        written = true;
      },
      async closeBundle() {
        if (!written) return; // it failed before
        writeFileSync(join(folder, LICENCES), licencesOf(modules));
        await bundleServiceWorker(root, folder, nameBuild(folder));
        compressFolder(folder);
      },
    },
    worker: { name: "heliograph:finish-worker", apply: "build", generateBundle: collect },
  };
}
