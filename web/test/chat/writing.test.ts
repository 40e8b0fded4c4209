// @vitest-environment jsdom
import { createRoot } from "solid-js";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { drafts } from "../../src/state/drafts";
import { createWriting, type Writing } from "../../src/ui/composer/writing";
import { fakeBridge } from "../ui/fake_bridge";

let account = 0;
const open: (() => void)[] = [];

/** A composer of the chat; the function takes it away. */
function opened(): [Writing, () => void] {
  return createRoot((end) => {
    open.push(end);
    return [createWriting(account, "c"), end];
  });
}

beforeEach(async () => {
  fakeBridge({ drafts: () => ({}), draft: () => null });
  await drafts(++account).loaded;
});

afterEach(() => {
  for (const end of open.splice(0)) end();
});

describe("what ends after another chat was opened", () => {
  it("leaves alone what was written since", () => {
    const [first, leave] = opened();
    first.act({ type: "edit", id: 1, text: "old" });
    first.act({ type: "type", text: "new" });
    leave();
    const [second] = opened();
    second.act({ type: "leave" });
    second.act({ type: "type", text: "written since" });
    first.edited(1, "new");
    first.act({ type: "reply", id: 0 });
    expect(drafts(account).of("c")?.text).toBe("written since");
    expect(second.composition().text).toBe("written since");
  });

  it("sends what is there by then", () => {
    const [first, leave] = opened();
    first.act({ type: "type", text: "long" });
    leave();
    const [second] = opened();
    first.act({ type: "sent" });
    expect(second.composition().text).toBe("");
    first.giveBack("long", 3);
    expect(second.composition()).toMatchObject({ text: "long", replyTo: 3 });
  });
});

describe("an edit", () => {
  it("is there again in the chat that one went away from, above the draft", () => {
    const [first, leave] = opened();
    first.act({ type: "type", text: "draft" });
    first.act({ type: "edit", id: 1, text: "old" });
    first.act({ type: "type", text: "half" });
    leave();
    const [second, leaveAgain] = opened();
    expect(second.composition()).toMatchObject({ text: "half", editing: { id: 1, original: "old" } });
    second.act({ type: "leave" });
    expect(second.composition().text).toBe("draft");
    leaveAgain();
    expect(opened()[0].composition().editing).toBeUndefined();
  });

  it("that was carried out after one went away is not begun again", () => {
    const [first, leave] = opened();
    first.act({ type: "edit", id: 1, text: "old" });
    first.act({ type: "type", text: "new" });
    leave();
    first.edited(1, "new");
    expect(opened()[0].composition().editing).toBeUndefined();
  });

  it("ends when it was carried out, but not with what was written in it since, nor another one", () => {
    const [writing] = opened();
    writing.act({ type: "edit", id: 1, text: "old" });
    writing.act({ type: "type", text: "new" });
    writing.act({ type: "type", text: "newer" });
    writing.edited(1, "new");
    expect(writing.composition().text).toBe("newer");
    writing.act({ type: "edit", id: 2, text: "other" });
    writing.edited(1, "newer");
    expect(writing.composition().editing?.id).toBe(2);
    writing.edited(2, "other");
    expect(writing.composition().editing).toBeUndefined();
  });
});
