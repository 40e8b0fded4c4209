import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { emojiOnly, textParts } from "../../src/ui/chat/text";

const links = (text: string) => textParts(text).flatMap(({ text: part, href }) => (href ? [part] : []));

describe("links", () => {
  it.each([
    ["see https://example.org/a?b=c#d.", ["https://example.org/a?b=c#d"]],
    ["(https://en.wikipedia.org/wiki/Sun_(star))", ["https://en.wikipedia.org/wiki/Sun_(star)"]],
    ["www.example.org, example.com/x; and a.b", ["www.example.org", "example.com/x"]],
    ["mail bob@example.org!", ["bob@example.org"]],
    ["https://münchen.example/straße", ["https://münchen.example/straße"]],
    ["<https://example.org>", ["https://example.org"]],
    ["xhttps://example.org", []],
    ["javascript:alert(1) data:text/html,x file:///etc", []],
    ["1.5 and e.g. and file.ts", []],
    ["زوروا https://example.org/مثال، شكرا", ["https://example.org/مثال"]],
  ])("in %j", (text, found) => {
    expect(links(text)).toEqual(found);
  });

  it("joined are the text, and lead to the web or to mail", () => {
    const piece = fc.oneof(
      fc.string({ unit: "grapheme" }),
      fc.webUrl(),
      fc.emailAddress(),
      fc.constantFrom(" ", "\n", "(", ")", ".", "www.", "http://", "https://", "@", ".com", "javascript:"),
    );
    fc.assert(
      fc.property(fc.array(piece), (pieces) => {
        const text = pieces.join("");
        const parts = textParts(text);
        expect(parts.map((part) => part.text).join("")).toBe(text);
        for (const { href } of parts) {
          if (href) expect(["http:", "https:", "mailto:"]).toContain(new URL(href).protocol);
        }
      }),
    );
  });
});

describe("nothing but emoji", () => {
  it.each([
    ["😀", 1],
    ["👩‍👩‍👧‍👦", 1],
    ["🇩🇪 🇫🇷", 2],
    ["👍🏽👍🏽👍🏽", 3],
    ["❤️", 1],
    ["1️⃣", 1],
    ["🏴󠁧󠁢󠁳󠁣󠁴󠁿", 1],
    ["😀😀😀😀", 0],
    ["😀!", 0],
    ["1", 0],
    ["©", 0],
    ["", 0],
    ["hello 😀", 0],
  ])("%s", (text, count) => {
    expect(emojiOnly(text)).toBe(count);
  });
});
