import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";

const UI = join(import.meta.dirname, "..", "..", "src", "ui");

function files(folder: string, ending: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(ending))
    .map((name) => join(folder, name));
}

/** Classes that are styled wherever they stand, not only inside something of the same room. */
function styledAlone(css: string): string[] {
  const bare = css.replaceAll(/\/\*[^]*?\*\//g, "");
  const selectors = [...bare.matchAll(/([^{}]+)\{/g)].flatMap((found) => found[1]!.split(","));
  return selectors.map((one) => /^\.([\w-]+)$/.exec(one.trim())?.[1]).filter((name) => name !== undefined);
}

const OPEN = ["chat", "composer", "media"];

/** The styles of an open chat are loaded with the first one, and stay: they must not change what has
 * the same name elsewhere. */
test("a class that the open chat styles is used nowhere else", () => {
  const styled = OPEN.flatMap((room) => files(join(UI, room), ".css")).flatMap((file) =>
    styledAlone(readFileSync(file, "utf8")),
  );
  expect(styled).toContain("bubble");
  const others = files(UI, ".tsx").filter((file) => !OPEN.some((room) => file.startsWith(join(UI, room))));
  const shared = others.flatMap((file) => {
    const used = [...readFileSync(file, "utf8").matchAll(/class="([^"]*)"/g)].flatMap((one) => one[1]!.split(/\s+/));
    return styled.filter((name) => used.includes(name)).map((name) => `.${name} in ${file.replace(UI, "")}`);
  });
  expect(shared).toEqual([]);
});
