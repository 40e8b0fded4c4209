// @vitest-environment jsdom
import { createEffect, createRoot } from "solid-js";
import { expect, it } from "vitest";
import { Refused } from "../../src/bridge/bridge";
import { createQuotes } from "../../src/state/quotes";
import { NO_PIECE } from "../../src/state/window";
import { fakeBridge } from "../ui/fake_bridge";
import { until } from "../until";

it("a quote that could not be had is there when the connection is back", async () => {
  let online = false;
  const { asked, tell } = fakeBridge({
    messages: ({ chatId, ids }) => {
      if (!online) throw new Refused({ code: "offline", detail: "" });
      return ids.map((id) => ({ chat_id: chatId, id, from_id: 2, date_ms: 1, text: "quoted" }));
    },
  });
  let shown: string | undefined;
  const [quotes, end] = createRoot((dispose) => {
    const made = createQuotes("c", () => NO_PIECE);
    createEffect(() => (shown = made.of(7)?.text));
    return [made, dispose];
  });
  await until(() => expect(asked.length).toBe(1));
  online = true;
  tell({ kind: "connection", connection: { state: "online" } });
  await until(() => expect(shown).toBe("quoted"));
  expect(asked.length).toBe(2);
  quotes.end();
  end();
});

it("a quote is asked for again where all that is held of the chat may be wrong", async () => {
  let text = "before";
  const { tell } = fakeBridge({
    messages: ({ chatId, ids }) => ids.map((id) => ({ chat_id: chatId, id, from_id: 2, date_ms: 1, text })),
  });
  let shown: string | undefined;
  const [quotes, end] = createRoot((dispose) => {
    const made = createQuotes("c", () => NO_PIECE);
    createEffect(() => (shown = made.of(7)?.text));
    return [made, dispose];
  });
  await until(() => expect(shown).toBe("before"));
  text = "edited meanwhile";
  tell({ kind: "reset", chatId: "c" });
  await until(() => expect(shown).toBe("edited meanwhile"));
  quotes.end();
  end();
});
