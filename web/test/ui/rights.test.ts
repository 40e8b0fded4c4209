// @vitest-environment jsdom
import { describe, expect, it } from "vitest";
import type { Chat, Member } from "../../src/contract";
import { inOrder, mayRemove, rightsOf } from "../../src/ui/groups/rights";
import { isUsername } from "../../src/ui/login/checks";

const member = (user_id: number, role: Member["role"]): Member => ({ user_id, role, joined_ms: 1 });
const members = [member(4, "member"), member(3, "member"), member(2, "admin"), member(5, "admin"), member(1, "owner")];
const group: Chat = { id: "g", kind: "group", title: "", created_ms: 1, last_id: 1, members };

describe("in a group", () => {
  it("who leads may change it, the owner alone may hand it over", () => {
    const rights = [1, 2, 3, 9].map((id) => rightsOf(group, id));
    expect(rights.map(({ edit, own }) => [edit, own])).toEqual([
      [true, true],
      [true, false],
      [false, false],
      [false, false],
    ]);
  });

  it("members add others, unless only those who lead do", () => {
    expect(rightsOf(group, 3).add).toBe(true);
    expect(rightsOf({ ...group, members_add: false }, 3).add).toBe(false);
    expect(rightsOf({ ...group, members_add: false }, 2).add).toBe(true);
    expect(rightsOf(group, 9).add).toBe(false);
  });

  it("an admin removes no admin, nobody the owner or themselves", () => {
    const removable = (by: number) => members.filter((one) => mayRemove(group, by, one)).map((one) => one.user_id);
    expect(removable(1)).toEqual([4, 3, 2, 5]);
    expect(removable(2)).toEqual([4, 3]);
    expect(removable(3)).toEqual([]);
    expect(removable(9)).toEqual([]);
  });

  it("the owner is first, then the admins, each by name", () => {
    const names = ["", "Zoe", "bo", "Änne", "anton", "Al"];
    expect(inOrder(members, (id) => names[id] ?? "").map((one) => one.user_id)).toEqual([1, 5, 2, 3, 4]);
  });
});

it("a user name is one as the server takes it", () => {
  const is = (text: string) => isUsername(text, 5, 32);
  expect(["alice", "A_l1ce", "a".repeat(32)].map(is)).toEqual([true, true, true]);
  expect(["alic", "1alice", "_alice", "ali ce", "älice", "a".repeat(33), ""].some(is)).toBe(false);
});
