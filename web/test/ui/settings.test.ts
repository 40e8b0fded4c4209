// @vitest-environment jsdom
import { describe, expect, it } from "vitest";
import { startSession } from "../../src/state/session";
import { readSettings, setSetting } from "../../src/state/settings";
import { fakeBridge } from "./fake_bridge";

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

it("are all that is kept here when an account is not logged in any more", async () => {
  const start = { account: null, config: null, keeping: { state: "kept" }, connection: { state: "online" }, limits: {} } as const;
  const { tell } = fakeBridge({ start: () => start });
  await startSession();
  setSetting("theme", "dark");
  localStorage.setItem("heliograph.left.drafts.1", "private");
  tell({ kind: "account", account: null, ended: "elsewhere" });
  expect(Object.keys(localStorage)).toEqual(["heliograph.settings"]);
  expect(readSettings(localStorage.getItem("heliograph.settings")).theme).toBe("dark");
});
