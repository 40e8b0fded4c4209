// @vitest-environment jsdom
import { createSignal, Show } from "solid-js";
import { render } from "solid-js/web";
import { afterEach, beforeEach, expect, it } from "vitest";
import { closeMenu, ConfirmLayer, confirmed, Dialog, MenuLayer, openMenu, ToastLayer } from "../../src/ui/base";
import { announced } from "../../src/state/announce";
import { dismissToast, toasts, told } from "../../src/state/toasts";
import { until } from "../until";

let end: () => void;
const [first, setFirst] = createSignal(false);
const [second, setSecond] = createSignal(false);

const button = (name: string) =>
  [...document.querySelectorAll("button")].find((one) => one.textContent === name)!;
const dialogs = () => [...document.querySelectorAll("[role=dialog] h2")].map((title) => title.textContent);
const escape = () => document.dispatchEvent(new KeyboardEvent("keydown", { key: "Escape", cancelable: true }));

beforeEach(() => {
  end = render(
    () => (
      <>
        <button>opener</button>
        <Show when={first()}>
          <Dialog title="first" onClose={() => setFirst(false)}>
            <button>inner</button>
          </Dialog>
        </Show>
        <Show when={second()}>
          <Dialog title="second" onClose={() => setSecond(false)}>
            <input autofocus />
          </Dialog>
        </Show>
        <ConfirmLayer />
        <MenuLayer />
        <ToastLayer />
        <main tabIndex={-1} data-focus-home>
          <textarea data-focus-home />
        </main>
      </>
    ),
    document.body,
  );
  button("opener").focus();
});

afterEach(() => {
  setFirst(false);
  setSecond(false);
  closeMenu();
  for (const toast of toasts()) dismissToast(toast.id);
  end();
});

it("focus goes in, and back to where it was", async () => {
  setFirst(true);
  expect(document.activeElement).toBe(document.querySelector("[role=dialog]"));
  escape();
  expect(dialogs()).toEqual([]);
  await until(() => expect(document.activeElement).toBe(button("opener")));
});

it("whoever is led elsewhere is not led back first", async () => {
  const focused: string[] = [];
  const note = (event: FocusEvent) => focused.push((event.target as Element).textContent ?? "");
  setFirst(true);
  document.addEventListener("focusin", note);
  history.pushState(null, "", "/c/elsewhere");
  setFirst(false);
  await new Promise((done) => setTimeout(done));
  document.removeEventListener("focusin", note);
  history.back();
  expect(focused).toEqual([]);
});

it("only what is on top is closed, and what is under it cannot be used", async () => {
  setFirst(true);
  button("inner").focus();
  setSecond(true);
  expect(document.activeElement).toBe(document.querySelector("input"));
  const under = button("inner").closest<HTMLElement>(".scrim")!;
  expect(under.inert).toBe(true);
  escape();
  expect(dialogs()).toEqual(["first"]);
  expect(under.inert).toBe(false);
  await until(() => expect(document.activeElement).toBe(button("inner")));
});

it("one that took the place of another gives focus back to what opened the first", async () => {
  setFirst(true);
  button("inner").focus();
  setFirst(false);
  setSecond(true);
  escape();
  await until(() => expect(document.activeElement).toBe(button("opener")));
});

it("where what opened it is gone, focus is in what that was in", async () => {
  const list = document.body.appendChild(document.createElement("div"));
  list.tabIndex = 0;
  const row = list.appendChild(document.createElement("article"));
  row.tabIndex = -1;
  row.focus();
  setFirst(true);
  row.remove();
  escape();
  await until(() => expect(document.activeElement).toBe(list));
  list.remove();
});

it("a question is answered by its buttons, and by Escape with no", async () => {
  const question = { title: "Sure?", text: "It is final.", action: "Go" };
  let answer = confirmed(question);
  expect(document.activeElement?.textContent).toBe("Cancel");
  expect(announced().map(({ text }) => text)).toContain("Sure?");
  button("Go").click();
  expect(await answer).toBe(true);
  answer = confirmed(question);
  escape();
  expect(await answer).toBe(false);
  answer = confirmed(question);
  void confirmed({ ...question, title: "Another?" });
  expect(await answer).toBe(false);
  escape();
});

it("a menu is gone through by keys, and acts after the focus is back", async () => {
  const acted: string[] = [];
  const item = (label: string) => ({
    label,
    act: () => void acted.push(`${label} with ${document.activeElement?.tagName}`),
  });
  openMenu({ at: button("opener"), label: "menu", items: [item("copy"), item("edit"), item("delete")] });
  const menu = document.querySelector("[role=menu]")!;
  const press = (key: string) =>
    document.activeElement?.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true }));
  expect(document.activeElement?.textContent).toBe("copy");
  press("ArrowUp");
  expect(document.activeElement?.textContent).toBe("delete");
  press("ArrowDown");
  expect(document.activeElement?.textContent).toBe("copy");
  press("e");
  expect(document.activeElement?.textContent).toBe("edit");
  (document.activeElement as HTMLElement).click();
  expect(menu.isConnected).toBe(false);
  await until(() => expect(acted).toEqual(["edit with BUTTON"]));
});

it.each(["Undo", "Dismiss"])("a short word that goes by %s gives focus back", async (name) => {
  const act = () => [...document.querySelectorAll<HTMLElement>(".toast button")].find((one) => (one.ariaLabel ?? one.textContent) === name)!;
  told("deleted", () => undefined);
  act().focus();
  act().click();
  await until(() => expect(document.activeElement).toBe(button("opener")));
  button("opener").blur();
  told("deleted", () => undefined);
  act().focus();
  act().click();
  await until(() => expect(document.activeElement).toBe(document.querySelector("textarea")));
});
