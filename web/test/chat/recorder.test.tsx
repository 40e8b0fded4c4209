// @vitest-environment jsdom
import { render } from "solid-js/web";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { Refused } from "../../src/bridge/bridge";
import type { Attachment } from "../../src/bridge/protocol";
import { openChat, route } from "../../src/state/route";
import { actOnToast, dismissToast, toasts } from "../../src/state/toasts";
import { keepUnsent } from "../../src/state/unsent";
import { fakeBridge } from "../ui/fake_bridge";
import { until } from "../until";

const voice: Attachment = { blob: new Blob(["spoken"]), name: "voice.ogg", kind: "voice", mime: "audio/ogg", durationMs: 4000 };
const finished = vi.hoisted(() => vi.fn());
vi.mock("../../src/ui/composer/recording", () => ({
  canRecord: () => true,
  record: async () => ({ finish: finished }),
}));
const { Recorder } = await import("../../src/ui/composer/recorder");

let bridge: ReturnType<typeof fakeBridge>;
let end: (() => void) | undefined;
let replyTo = 0;

const show = (chatId: string) => {
  end?.();
  openChat(chatId);
  const takeReply = () => {
    const taken = replyTo;
    replyTo = 0;
    return taken;
  };
  end = render(
    () => (
      <Recorder
        chatId={chatId}
        hidden={false}
        takeReply={takeReply}
        giveReply={(given) => (replyTo = given)}
        onRecording={() => undefined}
        onSent={() => undefined}
      />
    ),
    document.body,
  );
};
const button = (label: string) => document.querySelector<HTMLElement>(`button[aria-label="${label}"]`);
const sent = () => bridge.asked.filter(({ name }) => name === "send").map(({ params }) => params);
const record = () => button("Record a voice message")!.click();

beforeEach(() => {
  finished.mockImplementation(async () => voice);
  bridge = fakeBridge({ send: () => [] });
  replyTo = 0;
});

afterEach(() => {
  end?.();
  end = undefined;
  for (const chatId of ["a", "b"]) keepUnsent(chatId, { voice: undefined });
  for (const toast of toasts()) dismissToast(toast.id);
});

it("who goes to another chat finds the recording in its own, and sends it there", async () => {
  show("a");
  record();
  show("b");
  await until(() => expect(toasts().at(-1)?.text).toContain("kept"));
  expect(finished).toHaveBeenCalledOnce();
  expect(button("Discard the recording")).toBeNull();
  expect(sent()).toEqual([]);
  actOnToast(toasts().at(-1)!);
  expect(route().chatId).toBe("a");
  show("a");
  expect(document.querySelector(".recording")!.textContent).toContain("0:04");
  button("Send")!.click();
  await until(() => expect(sent()).toEqual([{ chatId: "a", text: "", files: [voice] }]));
  expect(button("Record a voice message")).not.toBeNull();
});

it("what could not even be written down is still there to be sent, with what it answers", async () => {
  let full = true;
  bridge = fakeBridge({
    send: () => {
      if (full) throw new Refused({ code: "storage_full", detail: "" });
      return [];
    },
  });
  show("a");
  replyTo = 7;
  record();
  button("Send")!.click();
  await until(() => expect(toasts().at(-1)?.kind).toBe("problem"));
  await until(() => expect(button("Discard the recording")).not.toBeNull());
  full = false;
  button("Send")!.click();
  const both = [1, 2].map(() => ({ chatId: "a", text: "", files: [voice], replyTo: 7 }));
  await until(() => expect(sent()).toEqual(both));
});

it("what was discarded can be had back", async () => {
  show("a");
  record();
  dispatchEvent(new KeyboardEvent("keydown", { key: "Escape", cancelable: true }));
  await until(() => expect(toasts().at(-1)?.text).toBe("Recording discarded"));
  expect(button("Discard the recording")).toBeNull();
  actOnToast(toasts().at(-1)!);
  await until(() => expect(button("Discard the recording")).not.toBeNull());
  button("Discard the recording")!.click();
  await until(() => expect(button("Record a voice message")).not.toBeNull());
});

it("a tap is nothing to keep", async () => {
  finished.mockImplementation(async () => ({ ...voice, durationMs: 100 }));
  show("a");
  record();
  show("b");
  await until(() => expect(finished).toHaveBeenCalled());
  await Promise.resolve();
  expect(toasts()).toEqual([]);
});
