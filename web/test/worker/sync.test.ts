import fc from "fast-check";
import { expect, test } from "vitest";
import type { Dialog, Message } from "../../src/contract";
import { Known, Turn } from "../../src/worker/sync/known";
import { merge } from "../../src/worker/sync/updates";
import { Device } from "./device";
import { GROUP, GROUP2, ME, ModelServer, OTHERS, PRIVATE } from "./server";
import { World } from "./world";

type Step = (world: World, server: ModelServer, device: Device) => Promise<void> | void;

const chatId = fc.constantFrom(PRIVATE, GROUP, GROUP2);
const groupId = fc.constantFrom(GROUP, GROUP2);
const small = fc.nat({ max: 7 });

function step(name: string, run: Step): { run: Step; toString(): string } {
  return { run, toString: () => name, [fc.toStringMethod]: () => name } as { run: Step; toString(): string };
}

/** The nth of a chat's messages from the end, so that most of the steps hit something. */
const fromEnd = (server: ModelServer, chat: string, n: number): number => Math.max(1, server.chat(chat).messages.length - n);

const happenings = fc.oneof(
  { weight: 5, arbitrary: fc.tuple(chatId, fc.constantFrom(ME, ...OTHERS)).map(([chat, from]) =>
    step(`post ${chat} ${from}`, (_, server) => void server.post(chat, from, { text: "text" })),
  ) },
  fc.tuple(chatId, small).map(([chat, n]) => step(`edit ${chat} ${n}`, (_, server) => server.edit(chat, fromEnd(server, chat, n), `edited ${server.pts}`))),
  fc.tuple(chatId, small).map(([chat, n]) => step(`remove ${chat} ${n}`, (_, server) => server.remove(chat, [fromEnd(server, chat, n), fromEnd(server, chat, n + 1)]))),
  fc.tuple(chatId, fc.constantFrom("read_inbox", "read_outbox", "delivered"), small).map(([chat, kind, n]) =>
    step(`${kind} ${chat} ${n}`, (_, server) => server.mark(chat, kind as "delivered", fromEnd(server, chat, n))),
  ),
  groupId.map((chat) => step(`rename ${chat}`, (_, server) => server.rename(chat, `Title ${server.pts}`))),
  groupId.map((chat) => step(`photo ${chat}`, (_, server) => server.setPhoto(chat))),
  groupId.map((chat) => step(`describe ${chat}`, (_, server) => server.describe(chat, `About ${server.pts}`))),
  groupId.map((chat) => step(`leave ${chat}`, (_, server) => server.leave(chat))),
  groupId.map((chat) => step(`enter ${chat}`, (_, server) => server.enter(chat))),
  fc.tuple(fc.constantFrom(...OTHERS), fc.option(fc.constantFrom("Ann", "")), fc.boolean()).map(([id, name, blocked]) =>
    step(`contact ${id} ${name} ${blocked}`, (_, server) => server.contact(id, name ?? undefined, blocked)),
  ),
  fc.constant(step("profile", (_, server) => server.rename_me(`Me ${server.pts}`))),
  fc.constant(step("forget", (_, server) => server.forget())),
  fc.nat({ max: 2 }).map((lost) => step(`restore ${lost}`, (_, server) => server.restore(lost))),
);

const socketOf = (world: World) => [...world.sockets].at(-1);

const network = fc.oneof(
  { weight: 2, arbitrary: fc.constant(step("deliver", (world) => world.deliver())) },
  { weight: 4, arbitrary: fc.constant(step("to server", (world) => socketOf(world)?.deliverToServer())) },
  { weight: 3, arbitrary: fc.constant(step("answer", (world) => {
    // It overtakes what was pushed.
    const frames = socketOf(world)?.toClient ?? [];
    const at = frames.findIndex((frame) => frame.startsWith('{"id"'));
    if (at >= 0) socketOf(world)?.deliverToClient(at);
  })) },
  { weight: 3, arbitrary: fc.constant(step("exchange", async (world) => {
    for (let n = 0; n < 3; n++) {
      socketOf(world)?.deliverToServer();
      await world.calm();
      socketOf(world)?.deliverToClient();
      await world.calm();
    }
  })) },
  { weight: 2, arbitrary: fc.tuple(fc.nat({ max: 7 }), fc.constantFrom(PRIVATE, GROUP, GROUP2), fc.boolean()).map(([rounds, chat, reads]) =>
    step(`anew ${rounds} ${chat} ${reads}`, async (world, server) => {
      server.forget();
      server.post(PRIVATE, ME, { text: "text" });
      socketOf(world)?.cut();
      await world.pass(150);
      // Something happens while everything is fetched.
      for (let round = 0; round <= 7; round++) {
        if (round === rounds) {
          if (reads) server.mark(chat, "read_inbox", fromEnd(server, chat, 0));
          server.post(chat, OTHERS[0], { text: "meanwhile" });
        }
        socketOf(world)?.deliverToServer();
        await world.calm();
        socketOf(world)?.deliverToClient();
        await world.calm();
      }
    }),
  ) },
  fc.nat({ max: 5 }).map((at) => step(`to client ${at}`, (world) => {
    const socket = socketOf(world);
    socket?.deliverToClient(at % Math.max(1, socket.toClient.length));
  })),
  fc.nat({ max: 5 }).map((at) => step(`lose ${at}`, (world) => {
    // Only what is pushed: a connection that loses an answer is cut.
    const frames = socketOf(world)?.toClient ?? [];
    const index = at % Math.max(1, frames.length);
    if (frames[index]?.includes('"update"')) frames.splice(index, 1);
  })),
  fc.nat({ max: 5 }).map((at) => step(`twice ${at}`, (world) => {
    const frames = socketOf(world)?.toClient ?? [];
    const frame = frames[at % Math.max(1, frames.length)];
    if (frame?.includes('"update"')) frames.push(frame);
  })),
  fc.constant(step("cut", (world) => socketOf(world)?.cut())),
  fc.constantFrom(150, 600, 12_000).map((ms) => step(`pass ${ms}`, (world) => world.pass(ms))),
);

const asking = fc.oneof(
  fc.tuple(chatId, fc.constantFrom("end", "unread", "first"), fc.integer({ min: 1, max: 9 })).map(([chat, at, limit]) =>
    step(`window ${chat} ${at} ${limit}`, (_, __, device) => {
      const place = at === "first" ? { at: "message" as const, id: 2 } : { at: at as "end" };
      device.session.histories.window(chat, place, limit).catch(() => undefined);
    }),
  ),
  fc.tuple(chatId, small).map(([chat, n]) =>
    step(`messages ${chat} ${n}`, (_, server, device) => {
      device.session.histories.messages(chat, [fromEnd(server, chat, n)]).catch(() => undefined);
    }),
  ),
  fc.tuple(chatId, small).map(([chat, n]) =>
    step(`read ${chat} ${n}`, (_, server, device) => {
      device.session.reading.read(chat, fromEnd(server, chat, n)).catch(() => undefined);
    }),
  ),
  groupId.map((chat) => step(`chat ${chat}`, (_, __, device) => void device.session.people.chat(chat).catch(() => undefined))),
  fc.tuple(fc.nat({ max: 6 }), fc.boolean()).map(([access, after]) =>
    step(`die at ${access} ${after}`, (_, __, device) => device.dieAt(access, after)),
  ),
);

const change = fc.constantFrom(
  (server: ModelServer, chat: string, n: number) => server.edit(chat, fromEnd(server, chat, n), `edited ${server.pts}`),
  (server: ModelServer, chat: string, n: number) => server.remove(chat, [fromEnd(server, chat, n)]),
  (server: ModelServer, chat: string) => (server.leave(chat), server.enter(chat)),
  (server: ModelServer, chat: string) => void server.post(chat, OTHERS[1], { text: "news" }),
);

/** A question, a change, and whichever of the answer and the updates comes first. */
const race = fc.tuple(chatId, small, fc.integer({ min: 1, max: 3 }), change, fc.boolean(), fc.boolean()).map(([chat, n, limit, what, asksFirst, answerFirst]) =>
  step(`race ${chat} ${n} ${limit} ${asksFirst} ${answerFirst}`, async (world, server, device) => {
    await world.deliver();
    const socket = socketOf(world);
    const place = { at: "message" as const, id: fromEnd(server, chat, n) };
    const ask = async (): Promise<void> => {
      device.session.histories.window(chat, place, limit).catch(() => undefined);
      await world.calm();
      socket?.deliverToServer();
    };
    if (asksFirst) await ask();
    if (asksFirst && chat !== PRIVATE) {
      device.session.people.chat(chat).catch(() => undefined);
      await world.calm();
      while (socket?.toServer.length) socket.deliverToServer();
      server.describe(chat, `About ${server.pts}`);
    }
    if (chat !== PRIVATE || what.length > 2) what(server, chat, n + 1); // it is asked for first
    if (!asksFirst) await ask();
    const isAnswer = (frame: string): boolean => frame.startsWith('{"id"') === answerFirst;
    for (let at = 0; at >= 0; await world.calm()) {
      at = socket?.toClient.findIndex(isAnswer) ?? -1;
      if (at >= 0) socket?.deliverToClient(at);
    }
  }),
);

const steps = fc.array(
  fc.oneof(
    { weight: 5, arbitrary: happenings },
    { weight: 5, arbitrary: network },
    { weight: 3, arbitrary: asking },
    { weight: 3, arbitrary: race },
  ),
  { minLength: 5, maxLength: 60, size: "max" },
);

test("of two states of a message the later one stays, whichever comes first", () => {
  const states: Message[] = [
    { chat_id: "c", id: 1, from_id: 2, date_ms: 3, text: "first" },
    { chat_id: "c", id: 1, from_id: 2, date_ms: 3, text: "second", revision: 4 },
    { chat_id: "c", id: 1, from_id: 2, date_ms: 3, text: "third", revision: 7 },
    { chat_id: "c", id: 1, from_id: 0, date_ms: 3, deleted: true },
  ];
  fc.assert(
    fc.property(fc.array(fc.nat({ max: 3 }), { minLength: 1 }), (order) => {
      const turn = new Turn(new Known());
      for (const at of order) merge(turn, states[at]!);
      expect(turn.message("c", 1)).toEqual(states[Math.max(...order)]);
    }),
  );
});

test("what is kept equals what is fetched afresh, whatever is lost, repeated or overtaken, and wherever the worker dies", async () => {
  await fc.assert(
    fc.asyncProperty(steps, fc.boolean(), async (script, fetched) => {
      const { world, server, device } = await begun();
      if (fetched) await world.deliver();
      for (const { run } of script) {
        await run(world, server, device);
        await world.calm();
        await device.reviveIfDead();
      }
      device.dieAt(-1, false);
      // If the last update was lost, nothing tells of it but the next connection.
      socketOf(world)?.cut();
      await world.settle(40_000);
      await expectSame(server, device);
    }),
    { numRuns: Number(process.env["RUNS"] ?? 60) },
  );
});

async function begun(): Promise<{ world: World; server: ModelServer; device: Device }> {
  const server = new ModelServer();
  server.enter(GROUP);
  for (let n = 0; n < 14; n++) server.post(PRIVATE, n % 2 ? ME : OTHERS[0], { text: `text ${n}` });
  const world = new World(server);
  const device = new Device(world, server);
  await device.start();
  return { world, server, device };
}

async function expectSame(server: ModelServer, device: Device): Promise<void> {
  const { engine } = device.session;
  const { known } = engine;
  expect(known.fact("pts")).toBe(server.pts);
  expect(known.fact("account")).toEqual(server.user(ME));
  const dialogs = [...known.map("dialogs").values()].sort((a, b) => (b.top_pts ?? 0) - (a.top_pts ?? 0));
  expect(dialogs.map(shown)).toEqual(server.list().map(shown));
  const contacts = [...known.map("contacts").values()];
  expect(new Map(contacts.filter((row) => row.contact).map((row) => [row.user_id, row.name]))).toEqual(server.contacts);
  expect(new Set(contacts.filter((row) => row.blocked).map((row) => row.user_id))).toEqual(server.blocked);
  for (const chat of known.map("chats").values()) expect(chat.description).toBe(server.chat(chat.id).description);
  for (const { chat_id } of dialogs) {
    const all = new Map(server.readable(chat_id).map((one) => [one.id, told(one)] as const));
    for (const held of await engine.messages(chat_id, 1, 10_000, 10_000, true)) expect(told(held)).toEqual(all.get(held.id));
    for (const slice of known.get("slices", chat_id)?.slices ?? []) {
      const held = (await engine.messages(chat_id, slice.start, slice.end, 10_000, false)).map((one) => one.id);
      expect(held).toEqual([...all.keys()].filter((id) => slice.start <= id && id <= slice.end));
    }
  }
}

/** What a list shows, with what is left out where it has its default. */
function shown(row: Dialog): unknown {
  const { chat_id, kind, top_id, top_date_ms, top_pts, unread = 0, left = false, message, title = "", photo } = row;
  const { read_inbox_id = 0, read_outbox_id = 0, delivered_id = 0 } = row;
  const marks = { read_inbox_id, read_outbox_id, delivered_id };
  // Of a chat that one has left, the title is that of then; the model does not keep it.
  return { chat_id, kind, top_id, top_date_ms, top_pts, unread, left, ...marks, message: message && told(message), title: left ? "" : title, photo };
}

function told({ revision: _, ...message }: Message): unknown {
  return message.deleted ? { id: message.id, deleted: true, date_ms: message.date_ms } : message;
}
