// @vitest-environment jsdom
import { render } from "solid-js/web";
import { beforeAll, expect, it, vi } from "vitest";

beforeAll(() => vi.stubGlobal("matchMedia", () => ({ matches: false, addEventListener() {} })));

it("the list of shortcuts has the keys of every action on a message", async () => {
  const { ShortcutList } = await import("../../src/ui/app/shortcut_list");
  const { ACTIONS } = await import("../../src/ui/chat/menu");
  const end = render(() => <ShortcutList />, document.body);
  const keys = [...document.querySelectorAll("kbd")].map((key) => key.textContent?.toLowerCase());
  for (const { key } of ACTIONS) if (key !== undefined) expect(keys).toContain(key === "Delete" ? "del" : key);
  end();
});
