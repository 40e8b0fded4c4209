// @vitest-environment jsdom
import { createSignal } from "solid-js";
import { render } from "solid-js/web";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { keepPage } from "../../src/ui/app/drops";
import { DropTarget } from "../../src/ui/composer/drop";

const taken = vi.fn<(files: File[]) => void>();
const file = new File(["x"], "x.txt");
const [enabled, setEnabled] = createSignal(true);
let end: () => void;

/** What becomes of it: whether the browser keeps its hands off, and which sign the pointer has. */
function dragged(kind: "dragover" | "drop", types = ["Files"]): [boolean, string] {
  const dataTransfer = { types, files: [file], dropEffect: "move" };
  const event = Object.assign(new Event(kind, { bubbles: true, cancelable: true }), { dataTransfer });
  document.body.dispatchEvent(event);
  return [event.defaultPrevented, dataTransfer.dropEffect];
}

beforeEach(() => {
  taken.mockClear();
  setEnabled(true);
  end = render(() => {
    keepPage();
    return <DropTarget enabled={enabled()} onFiles={taken} />;
  }, document.body);
});

afterEach(() => end());

it("files are taken by whoever wants them", () => {
  expect(dragged("dragover")).toEqual([true, "copy"]);
  dragged("drop");
  expect(taken).toHaveBeenCalledWith([file]);
});

it("files that nobody takes do not replace the page", () => {
  setEnabled(false);
  expect(dragged("dragover")).toEqual([true, "none"]);
  expect(dragged("drop")[0]).toBe(true);
  expect(taken).not.toHaveBeenCalled();
});

it("text goes where a browser puts it", () => {
  expect(dragged("dragover", ["text/plain"])).toEqual([false, "move"]);
});
