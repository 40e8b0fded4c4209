import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { PROTOCOL } from "../../src/bridge/protocol";

/** What pages and workers say to each other, and the rows that builds share. */
const SOURCES = ["bridge/protocol.ts", "worker/channel.ts", "worker/store/store.ts"];

/** The shape of all that, at the `PROTOCOL` of today. */
const RECORDED = { protocol: 2, shape: "49e756589c4abecd" };

/** Types and constants, without comments and without how they are laid out. */
function declared(source: string): string[] {
  const code = source.replaceAll(/\/\*[^]*?\*\/|\/\/.*/g, "").replaceAll(/^\s*\n/gm, "");
  const found = code.match(/^(?:export )?(?:interface|type|const) .*\n(?:[ }].*\n)*/gm) ?? [];
  return found.map((one) => one.replaceAll(/\s+/g, ""));
}

function shape(sources: readonly string[]): string {
  return createHash("sha256").update(sources.flatMap(declared).join("\n")).digest("hex").slice(0, 16);
}

test("PROTOCOL is raised whenever what tabs of two builds share has another shape", () => {
  const sources = SOURCES.map((path) => readFileSync(new URL(`../../src/${path}`, import.meta.url), "utf8"));
  const why = "Would a tab of the build before understand it? Raise PROTOCOL (bridge/protocol.ts), and record the new shape here.";
  expect({ protocol: PROTOCOL, shape: shape(sources) }, why).toEqual(RECORDED);
});

test("a shape is what is declared, however it is laid out and explained", () => {
  const one = 'import { a } from "b";\n/** Some. */\nexport interface Ask {\n  id: number; // its number\n}\n\nfunction f() {\n  return 1;\n}\n';
  const same = "export interface Ask {\n    /** Its\n     * number. */\n    id: number;\n}\nexport class Other {\n  id = 1;\n}\n";
  expect(declared(one)).toEqual(["exportinterfaceAsk{id:number;}"]);
  expect(shape([one])).toBe(shape([same]));
  expect(shape([one])).not.toBe(shape([one.replace("id: number", "id?: number")]));
  expect(shape([one])).not.toBe(shape([`${one}type Said =\n  | { ask: Ask }\n  | { to: string };\n`]));
});
