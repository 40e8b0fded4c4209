import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { HistoryWindow } from "../../src/bridge/protocol";
import type { Message } from "../../src/contract";
import {
  firstId,
  lastId,
  later,
  linesAround,
  merged,
  type Piece,
  pieceOf,
  trimmed,
  withNewer,
  withOlder,
} from "../../src/state/window";

const message = (id: number, more: Partial<Message> = {}): Message => ({
  chat_id: "c",
  id,
  from_id: 1,
  date_ms: id,
  text: `${id}`,
  ...more,
});
const range = (from: number, to: number) =>
  Array.from({ length: Math.max(0, to - from + 1) }, (_, at) => message(from + at));
const page = (from: number, to: number, ends: Partial<HistoryWindow> = {}): HistoryWindow => ({
  chatId: "c",
  messages: range(from, to),
  atStart: false,
  atEnd: false,
  anchorId: 0,
  ...ends,
});
const piece = (from: number, to: number, more: Partial<Piece> = {}): Piece => ({
  messages: range(from, to),
  atStart: from === 1,
  atEnd: true,
  endId: to,
  ...more,
});
const ids = (of: Piece) => of.messages.map(({ id }) => id);

describe("what a notice tells", () => {
  it("appends what follows the end", () => {
    const next = merged(piece(5, 9), [message(10), message(11)], 11);
    expect(ids(next)).toEqual([5, 6, 7, 8, 9, 10, 11]);
    expect(next).toMatchObject({ atEnd: true, endId: 11 });
  });

  it("does not append over a hole, and says that the end is elsewhere", () => {
    const next = merged(piece(5, 9), [message(11)], 11);
    expect(ids(next)).toEqual([5, 6, 7, 8, 9]);
    expect(next).toMatchObject({ atEnd: false, endId: 11 });
  });

  it("leaves out what is far away, but for the end", () => {
    const before = piece(5, 9, { atEnd: false, endId: 100 });
    const next = merged(before, [message(101)], 101);
    expect(next.messages).toBe(before.messages);
    expect(next.endId).toBe(101);
  });

  it("changes nothing where nothing changed", () => {
    const before = piece(5, 9);
    expect(merged(before, [before.messages[2]!], 9)).toBe(before);
  });

  it("keeps the later one of two states", () => {
    const edited = message(6, { revision: 4, text: "edited" });
    const before = merged(piece(5, 9), [edited], 9);
    expect(merged(before, [message(6, { revision: 3 })], 9)).toBe(before);
    const gone = message(6, { deleted: true });
    const after = merged(before, [gone], 9);
    expect(after.messages[1]).toBe(gone);
    expect(merged(after, [edited], 9)).toBe(after);
  });

  it("is the same in any order and with repetition", () => {
    const told = fc.array(
      fc.record({ id: fc.integer({ min: 5, max: 9 }), revision: fc.integer({ min: 0, max: 20 }), deleted: fc.boolean() }),
    );
    fc.assert(
      fc.property(told, fc.array(fc.nat()), (all, order) => {
        // A revision is of one state only.
        const states = all.map(({ id, revision, deleted }) =>
          deleted ? message(id, { deleted: true }) : message(id, { revision, text: `${id}/${revision}` }),
        );
        const shuffled = [...states, ...order.map((at) => states[at % (states.length || 1)]!).filter(Boolean)].sort(
          (one, other) => (one.text ?? "").localeCompare(other.text ?? ""),
        );
        const one = states.reduce((held, state) => merged(held, [state], 9), piece(5, 9));
        const other = shuffled.reduce((held, state) => merged(held, [state], 9), piece(5, 9));
        const seen = (of: Piece) => of.messages.map(({ id, text, deleted }) => (deleted ? `${id} gone` : `${id} ${text}`));
        expect(seen(one)).toEqual(seen(other));
      }),
    );
  });

  it("knows which of two states is the later one", () => {
    const plain = message(1);
    expect(later(plain, message(1, { revision: 1 })).revision).toBe(1);
    expect(later(message(1, { deleted: true }), plain).deleted).toBe(true);
  });
});

describe("pages", () => {
  it("go before and after the piece that they were asked for", () => {
    const held = piece(50, 60, { atStart: false, atEnd: false, endId: 90 });
    const older = withOlder(held, 50, page(40, 49));
    expect(firstId(older)).toBe(40);
    const newer = withNewer(older, 60, page(61, 70));
    expect([firstId(newer), lastId(newer)]).toEqual([40, 70]);
    expect(newer.atEnd).toBe(false);
  });

  it("of another piece are left out", () => {
    const held = piece(50, 60);
    expect(withOlder(held, 70, page(60, 69))).toBe(held);
    expect(withNewer(held, 20, page(21, 30))).toBe(held);
  });

  it("say where the beginning and the end are", () => {
    const held = piece(50, 60, { atStart: false, atEnd: false, endId: 63 });
    expect(withOlder(held, 50, page(49, 49, { atStart: true })).atStart).toBe(true);
    expect(withNewer(held, 60, page(61, 63, { atEnd: true })).atEnd).toBe(true);
  });

  it("that were the end get what came while they were on their way, or are not the end any more", () => {
    const held = piece(50, 60, { atStart: false, atEnd: false, endId: 64 });
    const newer = withNewer(held, 60, page(61, 63, { atEnd: true }));
    expect(merged(newer, [], 64).atEnd).toBe(false);
    expect(lastId(merged(newer, [message(64)], 64))).toBe(64);
    expect(merged(newer, [message(64)], 64).atEnd).toBe(true);
    expect(merged(pieceOf(page(61, 63, { atEnd: true })), [], 64).atEnd).toBe(false);
  });
});

describe("trimming", () => {
  it("keeps what is read, in one piece, and takes the ends that it cuts", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 300 }),
        fc.integer({ min: 1, max: 60 }),
        fc.nat(400),
        fc.array(fc.nat(300)),
        (count, most, around, gone) => {
          const held: Piece = {
            ...piece(1, count),
            messages: range(1, count).map((one) => (gone.includes(one.id) ? message(one.id, { deleted: true }) : one)),
          };
          const cut = trimmed(held, around, most);
          const kept = ids(cut);
          expect(kept).toEqual(range(kept[0] ?? 1, kept.at(-1) ?? 0).map(({ id }) => id));
          if (count > 0 && around >= 1 && around <= count) expect(kept).toContain(around);
          expect(cut.atStart).toBe(kept[0] === undefined || kept[0] === 1);
          expect(cut.atEnd).toBe(kept.length === 0 || kept.at(-1) === count);
          const lines = cut.messages.filter((one, at) => !(one.deleted && cut.messages[at - 1]?.deleted)).length;
          expect(lines).toBeLessThanOrEqual(most);
        },
      ),
    );
  });

  it("takes many deleted messages in a row for one line", () => {
    const messages = range(1, 500).map((one) => (one.id > 10 && one.id < 490 ? message(one.id, { deleted: true }) : one));
    const held = { ...piece(1, 500), messages };
    expect(trimmed(held, 250, 30)).toBe(held);
    expect(linesAround(messages, 300)).toEqual({ before: 10, after: 11 });
  });

  it("keeps the end for who is there", () => {
    expect(lastId(trimmed(piece(1, 300), Infinity, 50))).toBe(300);
  });
});
