// @vitest-environment jsdom
import { describe, expect, it } from "vitest";
import { shownIds, visibleRows } from "../../src/ui/list/window";
import { snippet } from "../../src/ui/list/snippet";
import { hueOf, initialsOf } from "../../src/ui/base/names";

const order = Array.from({ length: 2000 }, (_, i) => `c${i}`);

describe("of a long list", () => {
  it("only what is near has elements", () => {
    const visible = visibleRows(72 * 500, 720, 72, order.length);
    expect(visible.first).toBeLessThan(500);
    expect(visible.end).toBeGreaterThan(510);
    expect(shownIds(order, visible, undefined).length).toBeLessThan(30);
  });

  it("the ends are not passed", () => {
    expect(visibleRows(-50, 720, 72, 3)).toEqual({ first: 0, end: 3 });
    expect(visibleRows(1e9, 720, 72, 3)).toEqual({ first: 3, end: 3 });
    expect(visibleRows(0, 720, 0, 3).end).toBeGreaterThan(0);
  });

  it("the row with the focus stays, in its order", () => {
    const visible = { first: 100, end: 103 };
    expect(shownIds(order, visible, "c5")).toEqual(["c5", "c100", "c101", "c102"]);
    expect(shownIds(order, visible, "c900")).toEqual(["c100", "c101", "c102", "c900"]);
    expect(shownIds(order, visible, "c101")).toEqual(["c100", "c101", "c102"]);
    expect(shownIds(order, visible, "gone")).toEqual(["c100", "c101", "c102"]);
  });
});

describe("a snippet", () => {
  const hit = (text: string, wanted: string) => snippet(text, wanted).find((piece) => piece.hit)?.text;

  it("marks what was looked for, whatever its case and its accents", () => {
    expect(hit("We met in the Café", "cafe")).toBe("Café");
    expect(hit("STRASSE", "strasse")).toBe("STRASSE");
    expect(hit("ﬁne words", "fin")).toBe("ﬁn");
    expect(hit("a 👩‍👩‍👧 family here", "here")).toBe("here");
  });

  it("begins near it, at a word", () => {
    const pieces = snippet(`${"far away ".repeat(30)}needle in a haystack`, "needle");
    expect(pieces[0]?.text).toMatch(/^…(far|away) /);
    expect(pieces[1]).toEqual({ text: "needle", hit: true });
  });

  it("shows the beginning when the hit is not a piece of it", () => {
    expect(snippet("one two", "three")).toEqual([{ text: "one two", hit: false }]);
  });
});

describe("a name without a picture", () => {
  it("has the first signs of its first and last word", () => {
    expect(initialsOf("Alice Kwon")).toBe("AK");
    expect(initialsOf("  grete  anna  müller ")).toBe("GM");
    expect(initialsOf("👩‍👩‍👧 family")).toBe("👩‍👩‍👧");
    expect(initialsOf("إيمان الحربي")).toBe("إ");
    expect(initialsOf("王 小明")).toBe("王");
    expect(initialsOf("")).toBe("");
  });

  it("has one colour", () => {
    expect(hueOf(12)).toBe(hueOf("12"));
    expect(new Set(Array.from({ length: 100 }, (_, i) => hueOf(i))).size).toBe(8);
  });
});
