import fc from "fast-check";
import { expect, test, vi } from "vitest";
import type { Attachment, Notice } from "../../src/bridge/protocol";
import { until } from "../until";
import { Device } from "./device";
import { GROUP, ME, ModelServer, OTHERS, PRIVATE } from "./server";
import { World } from "./world";

// The real one is ready when it likes, and what files say is not looked at here.
vi.mock("hash-wasm", () => {
  const hasher = { init: () => hasher, update: () => hasher, digest: () => new Uint8Array(32) };
  return { createBLAKE3: async () => hasher };
});

async function begun() {
  const server = new ModelServer();
  server.enter(GROUP);
  server.post(PRIVATE, OTHERS[0], { text: "text" });
  const world = new World(server);
  const device = new Device(world, server);
  await device.start();
  await world.deliver();
  return { server, world, device };
}

type Begun = Awaited<ReturnType<typeof begun>>;
interface Step {
  run(all: Begun, sent: [string, string][][]): Promise<void> | void;
}
const named = (name: string, run: Step["run"]): Step => ({ run, [fc.toStringMethod]: () => name }) as Step;
const socketOf = (world: World) => [...world.sockets].at(-1);

function attached(caption: string, kind: "photo" | "file"): Attachment {
  return { blob: new Blob([caption]), name: caption, kind, mime: "image/png", caption };
}

let once = 1;
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom(PRIVATE, GROUP).map((chatId) =>
    named(`send ${chatId}`, async ({ device, world }, sent) => {
      const text = `message ${once}`;
      const written = device.session.outbox.send(chatId, text, 0, [], once++);
      void written.then(() => sent.push([[chatId, text]]), () => undefined);
      await world.calm();
    }),
  ) },
  { weight: 3, arbitrary: fc.constant(named("deliver", ({ world }) => world.deliver())) },
  fc.constant(named("to server", ({ world }) => socketOf(world)?.deliverToServer())),
  fc.nat({ max: 3 }).map((at) => named(`to client ${at}`, ({ world }) => {
    const socket = socketOf(world);
    socket?.deliverToClient(at % Math.max(1, socket.toClient.length));
  })),
  fc.constant(named("cut", ({ world }) => socketOf(world)?.cut())),
  fc.constantFrom(120, 600, 2_500).map((ms) => named(`pass ${ms}`, ({ world }) => world.pass(ms))),
  fc.constant(named("crash", ({ device }) => device.crash())),
  fc.tuple(fc.nat({ max: 5 }), fc.boolean()).map(([access, after]) => named(`die at ${access} ${after}`, ({ device }) => device.dieAt(access, after))),
  { weight: 2, arbitrary: fc.tuple(fc.constantFrom(PRIVATE, GROUP), fc.constantFrom<"photo" | "file">("photo", "file"), fc.integer({ min: 1, max: 3 })).map(
    ([chatId, kind, count]) => named(`send ${count} ${kind} ${chatId}`, async ({ device, world }, sent) => {
      const texts = Array.from({ length: count }, (_, at) => `${kind} ${once}.${at}`);
      const written = device.session.outbox.send(chatId, "", 0, texts.map((text) => attached(text, kind)), once);
      once += count;
      void written.then(() => sent.push(texts.map((text) => [chatId, text])), () => undefined);
      await world.calm();
    }),
  ) },
  fc.nat({ max: 5 }).map((from) => named(`store ${from}`, ({ server }) => server.store(from, 1))),
  fc.constant(named("busy", ({ server }) => void server.refusing.set("messages.send", "overloaded"))),
  fc.constant(named("not busy", ({ server }) => void server.refusing.clear())),
  fc.constant(named("forget", ({ server }) => server.forget())),
  fc.constant(named("other", ({ server }) => void server.post(PRIVATE, OTHERS[0], { text: "other" }))),
);

test("what was written down arrives once and in order, whatever is lost, and wherever the worker dies", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 3, maxLength: 40 }), async (script) => {
      const all = await begun();
      const { server, world, device } = all;
      const sent: [string, string][][] = [];
      server.slow = true;
      for (const { run } of script) {
        await run(all, sent);
        await world.calm();
        await device.reviveIfDead();
      }
      device.dieAt(-1, false);
      server.refusing.clear();
      await world.settle(15_000);
      server.slow = false;
      server.store();
      await world.settle(30_000);
      for (const chatId of [PRIVATE, GROUP]) {
        const own = server.readable(chatId).filter((one) => one.from_id === ME);
        const arrived = own.map((one) => one.text!);
        const wanted = sent.filter(([first]) => first![0] === chatId).map((some) => some.map(([, text]) => text));
        // What was never answered to the page may have been written down, or not.
        expect(new Set(arrived).size).toBe(arrived.length);
        const texts = wanted.flat().filter((text) => text.startsWith("message"));
        expect(arrived.filter((text) => texts.includes(text))).toEqual(texts);
        const ownTexts = arrived.filter((text) => text.startsWith("message"));
        expect([...ownTexts].sort(byNumber)).toEqual(ownTexts);
        // What was sent together is in its order, and an album in one piece.
        for (const together of wanted) expect(arrived.filter((text) => together.includes(text))).toEqual(together);
        for (const album of new Set(own.map((one) => one.album ?? 0).filter(Boolean))) {
          const at = own.flatMap((one, index) => (one.album === album ? index : []));
          expect(at.at(-1)! - at[0]!).toBe(at.length - 1);
        }
      }
      expect(device.session.engine.known.map("outbox").size).toBe(0);
    }),
    { numRuns: Number(process.env["RUNS"] ?? 60) },
  );
});

const byNumber = (a = "", b = ""): number => Number(a.split(" ")[1]) - Number(b.split(" ")[1]);

/** What a page shows of a chat: which of its own messages are there, and which on their way. */
function shown(notices: readonly Notice[], chatId: string): number[][] {
  const there = new Set<number>();
  let going: number[] = [];
  const states: number[][] = [];
  for (const notice of notices) {
    if (notice.kind !== "messages" || notice.chatId !== chatId) continue;
    for (const message of notice.messages) if (message.random_id) there.add(message.random_id);
    if (notice.outgoing) going = notice.outgoing.map((one) => one.randomId);
    states.push([...there, ...going].sort((a, b) => a - b));
  }
  return states;
}

test.each([
  ["the answer comes", async ({ world }: Begun) => world.deliver()],
  ["the answer is lost", async ({ world }: Begun) => {
    await world.calm();
    socketOf(world)!.deliverToServer();
    socketOf(world)!.cut();
    await world.settle(3_000);
  }],
  ["the answer is lost, and the mailbox does not reach back", async ({ world, server }: Begun) => {
    await world.calm();
    socketOf(world)!.deliverToServer();
    socketOf(world)!.cut();
    server.forget();
    await world.settle(3_000);
  }],
  ["what came before it is missing", async ({ world, server }: Begun) => {
    await world.calm();
    server.post(PRIVATE, OTHERS[0], { text: "lost" });
    socketOf(world)!.toClient.length = 0;
    await world.settle(3_000);
  }],
])("a message is neither gone for a moment nor shown twice: %s", async (_, happens) => {
  const all = await begun();
  const { device } = all;
  await device.session.outbox.send(PRIVATE, "text", 0, [], 77);
  await happens(all);
  const states = shown(device.notices, PRIVATE);
  expect(states.length).toBeGreaterThan(1);
  expect(states).toEqual(states.map(() => [77]));
  expect(device.session.engine.known.map("outbox").size).toBe(0);
  expect(all.server.readable(PRIVATE).filter((one) => one.random_id === 77)).toHaveLength(1);
});

test("what is refused fails with the reason, and what follows it goes on", async () => {
  const { device, world, server } = await begun();
  server.refusing.set("messages.send", "forbidden");
  await device.session.outbox.send(PRIVATE, "first", 0, [], 1);
  await world.settle(1_000);
  server.refusing.clear();
  await device.session.outbox.send(PRIVATE, "second", 0, [], 2);
  await world.settle(1_000);
  const [row] = [...device.session.engine.known.map("outbox").values()];
  expect(row).toMatchObject({ text: "first", state: "failed", failure: { code: "forbidden" } });
  expect(server.readable(PRIVATE).at(-1)).toMatchObject({ text: "second" });
  expect(await device.session.outbox.retry(row!.key)).toBe(true);
  await world.settle(1_000);
  expect(server.readable(PRIVATE).at(-1)).toMatchObject({ text: "first" });
});

test("a file that is refused stays, and is sent when that is asked for again", async () => {
  const { device, world, server } = await begun();
  let full = true;
  server.http = () =>
    full
      ? Response.json({ code: "quota_exceeded", detail: "" }, { status: 400 })
      : Response.json({ ticket: "ticket", expires_ms: world.nowMs + 1_000_000, media: {} });
  const file = { blob: new Blob(["spoken"]), name: "voice.ogg", kind: "voice" as const, mime: "audio/ogg" };
  await device.session.outbox.send(PRIVATE, "", 0, [file], 1);
  const rows = () => [...device.session.engine.known.map("outbox").values()];
  await until(() => expect(rows()).toMatchObject([{ state: "failed", failure: { code: "quota_exceeded" }, blob: file.blob }]));
  full = false;
  await device.session.outbox.retry(rows()[0]!.key);
  await until(async () => {
    await world.deliver();
    expect(server.asked).toContain("messages.send");
  });
});

test("what is not on its way yet can be taken back", async () => {
  const { device, world, server } = await begun();
  world.reachable = false;
  socketOf(world)!.cut();
  const [written] = await device.session.outbox.send(PRIVATE, "text", 0, [], 1);
  expect(await device.session.outbox.cancel(written!.key)).toBe(true);
  expect(await device.session.outbox.cancel(written!.key)).toBe(false);
  world.reachable = true;
  await world.settle(11_000);
  expect(server.asked).not.toContain("messages.send");
});

test("asked for again by the same request, it is the same message", async () => {
  const { device, world, server } = await begun();
  await device.session.outbox.send(PRIVATE, "text", 0, [], 5);
  await device.session.outbox.send(PRIVATE, "text", 0, [], 5);
  await world.settle(1_000);
  await device.session.outbox.send(PRIVATE, "text", 0, [], 5);
  await world.settle(1_000);
  expect(server.readable(PRIVATE).filter((one) => one.random_id === 5)).toHaveLength(1);
  expect(device.session.engine.known.map("outbox").size).toBe(0);
});

test("in a chat one is sent after the other, and chats do not wait for each other", async () => {
  const { device, world } = await begun();
  await device.session.outbox.send(PRIVATE, "first", 0, [], 1);
  await device.session.outbox.send(PRIVATE, "second", 0, [], 2);
  await device.session.outbox.send(GROUP, "third", 0, [], 3);
  await world.calm();
  const texts = socketOf(world)!.toServer.map((frame) => JSON.parse(frame).params.text as string);
  expect(texts).toEqual(["first", "third"]);
});

test("a text does not wait for a file on its way up, and what is shown stands where it will be", async () => {
  const { device, world, server } = await begun();
  server.slow = true;
  await device.session.outbox.send(PRIVATE, "", 0, [attached("file", "file")], 10);
  await device.session.outbox.send(PRIVATE, "text", 0, [], 20);
  expect(lastOnTheirWay(device)).toEqual(["text", "file"]);
  await world.settle(1_000);
  expect(server.readable(PRIVATE).at(-1)).toMatchObject({ text: "text" });
  expect(lastOnTheirWay(device)).toEqual(["file"]);
  server.store();
  await world.settle(1_000);
  expect(server.readable(PRIVATE).at(-1)).toMatchObject({ text: "file" });
  expect(lastOnTheirWay(device)).toEqual([]);
});

test("an album goes when all its pictures are there, and nothing comes in between", async () => {
  const { device, world, server } = await begun();
  server.slow = true;
  const { outbox } = device.session;
  await outbox.send(PRIVATE, "", 0, [attached("long", "file")], 10);
  await outbox.send(PRIVATE, "", 0, [attached("first", "photo"), attached("second", "photo")], 20);
  await until(() => expect(server.uploading).toHaveLength(3));
  server.store(2, 1);
  await world.calm();
  await outbox.send(PRIVATE, "text", 0, [], 30);
  await world.settle(1_000);
  server.store(1, 1);
  // While the first picture is sent, the file is stored.
  await until(() => expect(socketOf(world)!.toServer.map((frame) => JSON.parse(frame).params?.text)).toContain("first"));
  server.store();
  await world.settle(1_000);
  expect(server.readable(PRIVATE).slice(-4).map((one) => one.text)).toEqual(["text", "first", "second", "long"]);
});

function lastOnTheirWay(device: Device): string[] | undefined {
  const told = device.notices.findLast((notice) => notice.kind === "messages" && notice.outgoing);
  return told?.kind === "messages" ? told.outgoing?.map((one) => one.text) : undefined;
}
