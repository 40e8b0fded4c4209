// @vitest-environment jsdom
import { describe, expect, it } from "vitest";
import { readSettings } from "../../src/state/settings";

describe("kept settings", () => {
  const defaults = readSettings(null);

  it("are taken as far as they are ours", () => {
    const kept = { theme: "dark", text: "enormous", language: "de", notify: "yes", later: 1 };
    expect(readSettings(JSON.stringify(kept))).toEqual({ ...defaults, theme: "dark", language: "de" });
  });

  it.each(["", "{", "null", "[]", "3", '{"language": "toString"}'])("%s is none", (text) => {
    expect(readSettings(text)).toEqual(defaults);
  });
});
