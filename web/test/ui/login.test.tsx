// @vitest-environment jsdom
import { render } from "solid-js/web";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { Refused } from "../../src/bridge/bridge";
import type { Config } from "../../src/contract";
import { startSession } from "../../src/state/session";
import { Login } from "../../src/ui/login/login";
import { until } from "../until";
import { fakeBridge } from "./fake_bridge";

let asked: { name: string; params: unknown }[];
let registration: Config["registration"];
let end: () => void;

const box = (name: string) => document.querySelector<HTMLInputElement>(`input[name=${name}]`);
const button = (name: string) => [...document.querySelectorAll("button")].find((one) => one.textContent === name)!;

function type(name: string, text: string): void {
  box(name)!.value = text;
  box(name)!.dispatchEvent(new InputEvent("input", { bubbles: true }));
}

async function open(hash = ""): Promise<void> {
  history.replaceState(null, "", `/${hash}`);
  await startSession();
  end = render(() => <Login />, document.body);
}

function register(): void {
  type("username", "alice");
  type("name", "Alice");
  type("password", "correct horse battery");
  document.querySelector("form")!.requestSubmit();
}

beforeEach(() => {
  vi.stubGlobal("matchMedia", () => ({ matches: false, addEventListener() {} }));
  registration = "invitation";
  const config = () => ({ version: "", ws_url: "", ws_fallback_path: "/ws", registration, heartbeat_s: 30, server_id: "" });
  ({ asked } = fakeBridge({
    start: () => ({ account: null, config: config(), keeping: { state: "kept" }, connection: { state: "connecting" }, limits: {} }),
    register: () => {
      throw new Refused({ code: "invitation_invalid", detail: "" });
    },
  }));
});

afterEach(() => {
  end();
  vi.unstubAllGlobals();
});

it("who comes by a link of an invitation registers with its code", async () => {
  await open("#invitation=welWUF8q-agS_08D");
  expect(box("invitation")?.value).toBe("welWUF8q-agS_08D");
  register();
  const params = { username: "alice", password: "correct horse battery", name: "Alice", invitation: "welWUF8q-agS_08D" };
  expect(asked.at(-1)).toEqual({ name: "register", params });
  end();
  expect(location.hash).toBe("");
});

it("a code is asked for, and one that is refused is told of where it was typed", async () => {
  await open();
  expect(box("invitation")).toBeNull();
  button("Create account").click();
  register();
  expect(asked.map(({ name }) => name)).toEqual(["start"]);
  expect(document.activeElement).toBe(box("invitation"));
  type("invitation", " spent ");
  register();
  expect(asked.at(-1)!.params).toMatchObject({ invitation: "spent" });
  await until(() => expect(box("invitation")!.getAttribute("aria-invalid")).toBe("true"));
  expect(document.querySelector("[role=alert]")?.textContent).toContain("This invitation is not valid");
});

it("a server that is open asks for none, whatever the link says", async () => {
  registration = "open";
  await open("#invitation=welWUF8q");
  expect(box("invitation")).toBeNull();
  register();
  expect(asked.at(-1)!.params).not.toHaveProperty("invitation");
});
