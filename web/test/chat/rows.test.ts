import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Outgoing } from "../../src/bridge/protocol";
import type { Message } from "../../src/contract";
import { dayKey, days, Entries, type Item, sameItem } from "../../src/ui/chat/rows";

const ME = 1;
const NOON = new Date(2026, 5, 15, 12).getTime();
const MINUTE = 60_000;

let nextId = 1;
const message = (more: Partial<Message> = {}): Message => {
  const id = more.id ?? nextId++;
  return { chat_id: "c", id, from_id: 2, date_ms: NOON + id, text: "x", ...more };
};
const outgoing = (more: Partial<Outgoing> = {}): Outgoing => ({
  key: 1,
  chatId: "c",
  randomId: 77,
  text: "x",
  replyTo: 0,
  album: 0,
  dateMs: NOON,
  state: "waiting",
  ...more,
});

const itemsOf = (messages: Message[], unreadFrom = 0): Item[] => {
  const entries = new Entries(ME);
  return days(messages.map((one) => entries.message(one)), ME, unreadFrom).flatMap(({ items }) => items);
};
const shape = (item: Item) =>
  item.type === "message" ? `${item.first ? "(" : "-"}${item.entries.map(({ id }) => id)}${item.last ? ")" : "-"}` : item.type;

describe("groups of one sender", () => {
  it("begin and end with another sender", () => {
    const all = [message({ id: 1 }), message({ id: 2 }), message({ id: 3, from_id: 3 }), message({ id: 4 })];
    expect(itemsOf(all).map(shape)).toEqual(["(1-", "-2)", "(3)", "(4)"]);
  });

  it("end after some time, and where something else stands between", () => {
    const all = [
      message({ id: 1, date_ms: NOON }),
      message({ id: 2, date_ms: NOON + 11 * MINUTE }),
      message({ id: 3, date_ms: NOON + 12 * MINUTE, action: { kind: "member_left" } }),
      message({ id: 4, date_ms: NOON + 12 * MINUTE }),
    ];
    expect(itemsOf(all).map(shape)).toEqual(["(1)", "(2)", "service", "(4)"]);
  });
});

describe("albums and deleted messages", () => {
  it("are one row each", () => {
    const all = [
      message({ id: 1, album: 9 }),
      message({ id: 2, album: 9 }),
      message({ id: 3, album: 8 }),
      message({ id: 4, deleted: true }),
      message({ id: 5, deleted: true }),
      message({ id: 6 }),
    ];
    expect(itemsOf(all).map(shape)).toEqual(["(1,2-", "-3)", "deleted", "(6)"]);
  });

  it("of two senders with the same number are two", () => {
    const all = [message({ id: 1, album: 9 }), message({ id: 2, album: 9, from_id: 3 })];
    expect(itemsOf(all).map(shape)).toEqual(["(1)", "(2)"]);
  });
});

describe("days", () => {
  it("begin at midnight, where the person is", () => {
    const late = new Date(2026, 5, 15, 23, 59, 59).getTime();
    const found = days(
      [late, late + 2000].map((date_ms, at) => new Entries(ME).message(message({ id: at + 1, date_ms }))),
      ME,
      0,
    );
    expect(found.map(({ key }) => key)).toEqual([dayKey(late), dayKey(late + 2000)]);
  });

  it("have every message once, in order, and never begin twice", () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: -5, max: 5 })), fc.nat(20), (offsets, unreadFrom) => {
        const entries = new Entries(ME);
        const all = offsets.map((days, at) => entries.message(message({ id: at + 1, date_ms: NOON + days * 86_400_000 })));
        const found = days(all, ME, unreadFrom);
        expect(new Set(found.map(({ key }) => key)).size).toBe(found.length);
        const ids = found.flatMap(({ items }) => items.flatMap((item) => (item.type === "unread" ? [] : item.entries.map(({ id }) => id))));
        expect(ids).toEqual(all.map(({ id }) => id));
        const marks = found.flatMap(({ items }) => items.filter(({ type }) => type === "unread"));
        expect(marks.length).toBe(unreadFrom > 0 && unreadFrom <= all.length ? 1 : 0);
      }),
    );
  });
});

describe("the line of what is unread", () => {
  it("stands before the first one, or the next that is there", () => {
    const all = [message({ id: 1 }), message({ id: 2 }), message({ id: 5 })];
    expect(itemsOf(all, 2).map(shape)).toEqual(["(1)", "unread", "(2-", "-5)"]);
    expect(itemsOf(all, 3).map(shape)).toEqual(["(1-", "-2)", "unread", "(5)"]);
  });
});

describe("what is on its way", () => {
  it("keeps its row when it is sent, and when it is changed later", () => {
    const entries = new Entries(ME);
    const before = entries.outgoing(outgoing());
    const sent = entries.message(message({ id: 9, from_id: ME, random_id: 77 }));
    const edited = entries.message(message({ id: 9, from_id: ME, revision: 2 }));
    expect([before.key, sent.key, edited.key]).toEqual(["r77", "r77", "r77"]);
  });

  it("is the same entry for the same message", () => {
    const entries = new Entries(ME);
    const one = message();
    expect(entries.message(one)).toBe(entries.message(one));
  });

  it("is drawn again only where it changed", () => {
    const entries = new Entries(ME);
    const [one, two] = [message({ id: 1 }), message({ id: 2 })];
    const rows = () => days([one, two].map((each) => entries.message(each)), ME, 0)[0]!.items;
    const more = () => days([one, two, message({ id: 3 })].map((each) => entries.message(each)), ME, 0)[0]!.items;
    expect(rows().every((item, at) => sameItem(item, rows()[at]!))).toBe(true);
    expect(sameItem(rows()[0]!, more()[0]!)).toBe(true);
    expect(sameItem(rows()[1]!, more()[1]!)).toBe(false);
  });
});
