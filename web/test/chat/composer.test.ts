import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type Act, type Composition, draftOf, EMPTY, next, sendable } from "../../src/ui/composer/composition";
import { lengthOf, split } from "../../src/ui/composer/split";
import { bars, loudness, resampled, toBase64, waveformOf } from "../../src/ui/composer/waveform";

describe("a draft below an edit", () => {
  const written = fc.record({ text: fc.string(), replyTo: fc.nat(5) });
  const during: fc.Arbitrary<Act> = fc.oneof(
    fc.record({ type: fc.constant("type" as const), text: fc.string() }),
    // Another message is edited before the first one is done with.
    fc.record({ type: fc.constant("edit" as const), id: fc.nat(), text: fc.string() }),
  );

  it("comes back exactly, whatever was done during the edit", () => {
    fc.assert(
      fc.property(written, fc.array(during), (draft, acts) => {
        const editing = next(draft, { type: "edit", id: 1, text: "old" });
        const end = acts.reduce<Composition>(next, editing);
        expect(draftOf(end)).toEqual(draft);
        expect(next(end, { type: "leave" })).toEqual(draft);
      }),
    );
  });

  it("is what another tab wrote meanwhile", () => {
    const editing = next(EMPTY, { type: "edit", id: 1, text: "old" });
    const told = next(editing, { type: "told", draft: { text: "elsewhere", replyTo: 2 } });
    expect(told.text).toBe("old");
    expect(next(told, { type: "leave" })).toEqual({ text: "elsewhere", replyTo: 2 });
  });

  it("ends an edit by answering something", () => {
    const editing = next({ text: "draft", replyTo: 0 }, { type: "edit", id: 1, text: "old" });
    expect(next(editing, { type: "reply", id: 7 })).toEqual({ text: "draft", replyTo: 7 });
  });

  it("is sent only where there is something", () => {
    expect(sendable(EMPTY)).toBe(false);
    expect(sendable({ text: " \n", replyTo: 1 })).toBe(false);
    for (const text of ["\u200b\u200b", "\u202e", "\u2800", "\u00ad \ufeff"]) expect(sendable({ text, replyTo: 0 })).toBe(false);
    for (const text of ["\u200bx", "👨‍👩‍👧", "ا", "\u0301"]) expect(sendable({ text, replyTo: 0 })).toBe(true);
    const editing = next(EMPTY, { type: "edit", id: 1, text: "old" });
    expect(sendable(editing)).toBe(false);
    expect(sendable(next(editing, { type: "type", text: "new" }))).toBe(true);
  });
});

describe("texts that are too long", () => {
  it("are counted by code points", () => {
    const any = fc.string({ unit: "binary" });
    fc.assert(fc.property(any, (text) => lengthOf(text) === Array.from(text).length));
    expect(lengthOf("😀a")).toBe(2);
  });

  it("are split into pieces that are the text, each short enough", () => {
    fc.assert(
      fc.property(fc.string({ unit: "grapheme", maxLength: 300 }), fc.integer({ min: 1, max: 40 }), (text, most) => {
        const pieces = split(text, most);
        expect(pieces.join("")).toBe(text);
        for (const piece of pieces) expect(lengthOf(piece)).toBeLessThanOrEqual(most);
      }),
    );
  });

  it("are split where one would", () => {
    expect(split("one two three.\n\nfour five six", 20)).toEqual(["one two three.\n\n", "four five six"]);
    expect(split("aaaa bbbb cccc dddd", 12)).toEqual(["aaaa bbbb ", "cccc dddd"]);
    expect(split("👩‍👩‍👧‍👦👩‍👩‍👧‍👦", 10)).toEqual(["👩‍👩‍👧‍👦", "👩‍👩‍👧‍👦"]);
  });
});

describe("waveforms", () => {
  it("have a hundred bytes, of which the loudest is full", () => {
    fc.assert(
      fc.property(fc.array(fc.float({ min: 0, max: 1, noNaN: true })), (levels) => {
        const bytes = waveformOf(levels);
        expect(bytes.length).toBe(100);
        if (Math.max(0, ...levels) > 0.02) expect(Math.max(...bytes)).toBe(255);
      }),
    );
  });

  it("go to base64 and back", () => {
    const bytes = waveformOf([0, 0.5, 1]);
    expect(bars(toBase64(bytes), 100).map((height) => Math.round(height * 255))).toEqual([...bytes]);
    expect(bars("not base64!", 4)).toEqual([0, 0, 0, 0]);
    expect(bars(undefined, 2)).toEqual([0, 0]);
  });

  it("keep peaks when they are made shorter", () => {
    expect(resampled([0, 0, 9, 0, 0, 0], 2)).toEqual([9, 0]);
    expect(resampled([3], 3)).toEqual([3, 3, 3]);
  });

  it("measure loudness", () => {
    expect(loudness([])).toBe(0);
    expect(loudness([1, -1, 1, -1])).toBe(1);
  });
});
