// @vitest-environment jsdom
import { render } from "solid-js/web";
import { afterEach, beforeEach, expect, it } from "vitest";
import { startSession } from "../../src/state/session";
import { Announcer } from "../../src/ui/base";
import { ConnectionStatus } from "../../src/ui/list/connection";
import { LIMITS } from "../../src/contract";
import type { Connection } from "../../src/bridge/protocol";
import { fakeBridge } from "./fake_bridge";

let end: () => void;
let is: (state: Connection["state"]) => void;
const said = () => [...document.querySelectorAll("[aria-live=polite] > p")].map((line) => line.textContent);

beforeEach(async () => {
  const { tell } = fakeBridge({
    start: () => ({
      account: null,
      config: null,
      connection: { state: "connecting" },
      keeping: { state: "kept" },
      limits: LIMITS,
    }),
  });
  await startSession();
  is = (state) => tell({ kind: "connection", connection: { state } as Connection });
  end = render(
    () => (
      <>
        <ConnectionStatus />
        <Announcer />
      </>
    ),
    document.body,
  );
});

afterEach(() => end());

it("a loss is said, and its end; no attempt, and no beginning", () => {
  is("updating");
  is("online");
  expect(said()).toEqual([]);
  is("offline");
  is("connecting");
  is("offline");
  expect(said()).toEqual(["No connection. What you write is kept and sent later."]);
  is("connecting");
  is("online");
  expect(said()).toHaveLength(2);
  expect(said()[1]).toBe("Connected");
});

it("its state is there to be read, and is not said by itself: neither anew from under a dialog, nor twice", () => {
  const status = document.querySelector("[role=status]")!;
  is("online");
  expect(status.getAttribute("aria-live")).toBe("off");
  expect(status.getAttribute("aria-label")).toBe("Connection");
  expect(status.textContent).toBe("Connected");
});
