// @vitest-environment jsdom
import { afterEach, describe, expect, it } from "vitest";
import * as ar from "../../src/i18n/ar";
import * as de from "../../src/i18n/de";
import * as en from "../../src/i18n/en";
import {
  dir,
  formatAgo,
  formatDay,
  formatDuration,
  formatShort,
  formatSize,
  preferredLanguage,
  setLanguage,
  t,
} from "../../src/i18n";
import { pluralOf } from "../../src/i18n/plural";

afterEach(() => setLanguage("en"));

/** Every text and every function by its path. */
function leaves(texts: unknown, path = ""): [string, unknown][] {
  if (typeof texts !== "object" || texts === null) return [[path, texts]];
  return Object.entries(texts).flatMap(([key, value]) => leaves(value, `${path}.${key}`));
}

describe.each([
  ["de", de.texts],
  ["ar", ar.texts],
] as const)("%s", (_language, texts) => {
  const english = leaves(en.texts);
  const theirs = new Map(leaves(texts));

  it("has every text that English has, and no other", () => {
    expect([...theirs.keys()].sort()).toEqual(english.map(([path]) => path).sort());
  });

  it("leaves none empty", () => {
    for (const [path, text] of theirs) expect(text, path).not.toBe("");
  });

  it("takes what is put into English", () => {
    const missing = english.filter(
      ([path, text]) => typeof text === "function" && typeof theirs.get(path) !== "function",
    );
    expect(missing).toEqual([]);
  });
});

describe("plurals", () => {
  it("have the forms of their language", () => {
    const n = (count: number) => ar.texts.shell.members(count);
    expect([1, 2, 3, 11, 100].map(n).map((text) => text.replace(/[\d٠-٩]+/g, "#"))).toEqual([
      "عضو واحد",
      "عضوان",
      "# أعضاء",
      "# عضواً",
      "# عضو",
    ]);
    expect(en.texts.shell.unread(1)).toBe("1 unread message");
    expect(en.texts.shell.unread(1200)).toBe("1,200 unread messages");
    expect(de.texts.shell.unread(1200)).toBe("1.200 ungelesene Nachrichten");
  });

  it("fall back to the form that every language has", () => {
    expect(pluralOf("en")(1, { other: "# of them" })).toBe("1 of them");
  });
});

describe("the language", () => {
  it("is the first that there is", () => {
    expect(preferredLanguage(["fr-FR", "de-AT", "en"])).toBe("de");
    expect(preferredLanguage(["AR-EG"])).toBe("ar");
    expect(preferredLanguage(["fr", "toString"])).toBe("en");
    expect(preferredLanguage([])).toBe("en");
  });

  it("is what was wished last, whichever comes first", async () => {
    await Promise.all([setLanguage("de"), setLanguage("en")]);
    expect(t.shell.settings).toBe("Settings");
  });

  it("changes words and direction", async () => {
    await setLanguage("ar");
    expect(t.shell.settings).toBe(ar.texts.shell.settings);
    expect(dir()).toBe("rtl");
    expect(document.documentElement.lang).toBe("ar");
    expect(document.documentElement.dir).toBe("rtl");
  });
});

describe("dates", () => {
  const at = (text: string) => new Date(text).getTime();
  const now = at("2026-03-11T15:30:00");

  it("are as short as a list needs", () => {
    expect(formatShort(at("2026-03-11T09:05:00"), now)).toMatch(/^9:05/);
    expect(formatShort(at("2026-03-10T23:59:00"), now)).toBe("Tue");
    expect(formatShort(at("2026-03-05T01:00:00"), now)).toBe("Thu");
    expect(formatShort(at("2026-03-04T23:00:00"), now)).toBe("Mar 4");
    expect(formatShort(at("2025-12-31T23:00:00"), now)).toBe("12/31/25");
  });

  it("count days as a calendar does", () => {
    expect(formatDay(at("2026-03-11T00:00:00"), now)).toBe("Today");
    expect(formatDay(at("2026-03-10T23:59:59"), now)).toBe("Yesterday");
    expect(formatDay(at("2026-03-08T12:00:00"), now)).toBe("Sunday");
    expect(formatDay(at("2026-02-01T12:00:00"), now)).toBe("February 1");
    expect(formatDay(at("2024-02-01T12:00:00"), now)).toBe("February 1, 2024");
  });

  it("say how long ago", async () => {
    expect(formatAgo(now - 20_000, now)).toBe("just now");
    expect(formatAgo(now - 5 * 60_000, now)).toBe("5 min. ago");
    expect(formatAgo(now - 3 * 3_600_000, now)).toBe("3 hr. ago");
    expect(formatAgo(at("2026-03-10T23:00:00"), now)).toBe("yesterday");
    await setLanguage("de");
    expect(formatAgo(now - 5 * 60_000, now)).toBe("vor 5 Min.");
  });
});

describe("sizes and durations", () => {
  it("are rounded to what matters", async () => {
    expect(formatSize(0)).toBe("0 bytes");
    expect(formatSize(999)).toBe("999 bytes");
    expect(formatSize(1500)).toBe("1.5 kB");
    expect(formatSize(23_456_789)).toBe("23 MB");
    expect(formatSize(2_097_152_000)).toBe("2.1 GB");
    await setLanguage("de");
    expect(formatSize(1500)).toBe("1,5 kB");
  });

  it("have two digits after the colon", () => {
    expect(formatDuration(5_000)).toBe("0:05");
    expect(formatDuration(65_400)).toBe("1:05");
    expect(formatDuration(3_723_000)).toBe("1:02:03");
  });
});
