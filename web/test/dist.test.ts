/** What is built (`make install`): how much of it there is, and that it keeps the content policy. */

import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { beforeAll, expect, test } from "vitest";

const DIST = fileURLToPath(new URL("../dist", import.meta.url));
const KB = 1000;

/** Names that are no addresses: nobody fetches them. */
const NAMESPACES = /^http:\/\/www\.w3\.org\/(?:1998\/Math\/MathML|1999\/|2000\/|XML\/1998\/)/;

let page = "";
let files: string[] = [];

beforeAll(() => {
  if (!existsSync(join(DIST, "index.html"))) throw new Error("it is not built: make install");
  page = text("/index.html");
  files = readdirSync(DIST, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(DIST.length));
});

function text(path: string): string {
  return readFileSync(join(DIST, path), "utf8");
}

/** As it goes through the wire to a browser that takes Brotli. */
function bytesOf(paths: Iterable<string>): number {
  let bytes = 0;
  for (const path of paths) {
    const small = join(DIST, `${path}.br`);
    bytes += statSync(existsSync(small) ? small : join(DIST, path)).size;
  }
  return bytes;
}

function found(pattern: RegExp, source: string): string[] {
  return [...source.matchAll(pattern)].map((match) => match[1] ?? "");
}

/** A script and all that it cannot start without. */
function closure(start: string[]): Set<string> {
  const seen = new Set<string>();
  const visit = (path: string): void => {
    if (seen.has(path)) return;
    seen.add(path);
    const imports = found(/(?:\bfrom|\bimport)\s*["'`](\.\/[^"'`]+)["'`]/g, text(path));
    for (const name of imports) visit(`/assets/${name.slice(2)}`);
  };
  for (const path of start) visit(path);
  return seen;
}

function isWorker(path: string): boolean {
  return /^\/assets\/worker-[\w-]+\.js$/.test(path);
}

function told(what: string, bytes: number, wanted: number): void {
  const more = bytes > wanted * KB ? `, more than the ${wanted} that are wanted` : "";
  process.stdout.write(`  ${what}: ${(bytes / KB).toFixed(1)} KB${more}\n`);
}

test("the first load is small", () => {
  const scripts = found(/<script[^>]* src="([^"]+)"/g, page);
  expect(scripts.length).toBeGreaterThan(1);
  const bytes = bytesOf(closure(scripts));
  told("JavaScript of the first load", bytes, 90);
  expect(bytes).toBeLessThanOrEqual(120 * KB);
  const loaded = found(/<link rel="modulepreload"[^>]* href="([^"]+)"/g, page);
  expect([...closure(scripts)]).toEqual(expect.arrayContaining(loaded));
});

test("the styles of the first load are small", () => {
  const bytes = bytesOf(found(/<link rel="stylesheet"[^>]* href="([^"]+)"/g, page));
  told("CSS of the first load", bytes, 20);
  expect(bytes).toBeLessThanOrEqual(20 * KB);
});

test("worker and service worker are small", () => {
  const worker = files.filter(isWorker);
  expect(worker).toHaveLength(1);
  const bytes = bytesOf([...closure(worker), "/sw.js"]);
  told("worker and service worker", bytes, 60);
  expect(bytes).toBeLessThanOrEqual(60 * KB);
});

test("nothing names another host", () => {
  const named = files
    .filter((path) => /\.(?:css|html|js|json|svg|webmanifest)$/.test(path))
    .flatMap((path) => found(/(\b(?:https?|wss?):\/\/[^\s"'`<>()\\${}]+)/g, text(path)))
    .filter((address) => /:\/\/[^/]*\.\w/.test(address) && !NAMESPACES.test(address));
  expect([...new Set(named)]).toEqual([]);
});

test("the page has no script or style in it", () => {
  expect(page).not.toMatch(/<style|\sstyle=|\son\w+=|javascript:|data:/);
  expect(found(/<script(?![^>]* src=)[^>]*>([^<]*)/g, page)).toEqual([]);
  expect(page).not.toContain("%BUILD%");
});

test("no template has a style in it", () => {
  for (const path of files.filter((name) => name.endsWith(".js"))) {
    expect(found(/(<[a-z][\w-]*(?: [^<>`]*)? style=[^>`]{0,40})/g, text(path)), path).toEqual([]);
  }
});

test("the service worker keeps the page and all that it can ask for, and no more", () => {
  // As the minifier likes: an array, or one text that is split.
  const kept = found(/(\/(?:assets\/)?[\w-]+(?:\.[\w-]+)+)(?=[`"',])/g, text("/sw.js"));
  const needed = files.filter(
    (path) => path.startsWith("/assets/") && /\.(?:css|js|svg|wasm|woff2)$/.test(path),
  );
  expect(kept).toEqual(expect.arrayContaining(["/start.js", ...needed]));
  expect(kept.filter((path) => !files.includes(path))).toEqual([]);
  expect(kept).not.toContain("/index.html");
});

test("licences go with what they are for", () => {
  const licences = text("/assets/licences.txt");
  for (const name of ["solid-js", "idb", "hash-wasm"]) {
    expect(licences).toMatch(new RegExp(`^${name} \\d`, "m"));
  }
  expect(licences).not.toMatch(/GPL/);
});

test("no maps of sources are shipped, and nothing that is larger compressed", () => {
  expect(files.filter((path) => path.endsWith(".map"))).toEqual([]);
  for (const path of files.filter((name) => /\.(?:br|zst|gz)$/.test(name))) {
    const plain = path.replace(/\.\w+$/, "");
    expect(statSync(join(DIST, path)).size).toBeLessThan(statSync(join(DIST, plain)).size);
  }
});
