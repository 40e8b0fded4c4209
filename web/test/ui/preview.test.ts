// @vitest-environment jsdom
import { expect, it } from "vitest";
import type { Media, Message } from "../../src/contract";
import { fileText, rowText } from "../../src/state/preview";

const message = (more: Partial<Message>): Message => ({ chat_id: "c", id: 1, from_id: 2, date_ms: 1, text: "", ...more });
const media = (kind: string, name: string) => ({ kind, name }) as Media;

it.each([
  [{ text: "hello" }, "hello"],
  [{ text: "hello", media: media("photo", "a.jpg") }, "hello"],
  [{ media: media("photo", "a.jpg") }, "Photo"],
  [{ media: media("voice", "voice.ogg") }, "Voice message"],
  [{ media: media("audio", "tune.mp3") }, "tune.mp3"],
  [{ media: media("file", "notes.txt") }, "notes.txt"],
  [{ media: media("file", "") }, "File"],
  [{ text: "hello", deleted: true }, "Deleted message"],
  [{}, "A kind of message that this version does not know"],
])("%j in one line", (more, line) => {
  expect(rowText(message(more))).toBe(line);
});

it("a file on its way is called as it is when it has arrived", () => {
  for (const [kind, name] of [["audio", "tune.mp3"], ["file", "notes.txt"], ["video", "b.mp4"]] as const) {
    expect(fileText(media(kind, name))).toBe(rowText(message({ media: media(kind, name) })));
  }
});
