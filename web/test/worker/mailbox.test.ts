import { expect, test } from "vitest";
import { Device, running } from "./device";
import { GROUP, GROUP2, ME, ModelServer, OTHERS, PRIVATE } from "./server";
import { World } from "./world";

async function begun() {
  const server = new ModelServer();
  server.enter(GROUP);
  server.post(PRIVATE, OTHERS[0], { text: "text" });
  const { world, device } = await running(server);
  server.asked.length = device.notices.length = 0;
  return { server, world, device, socket: [...world.sockets][0]! };
}

test("a gap is waited for half a second, and then asked about once", async () => {
  const { server, world, device, socket } = await begun();
  server.post(PRIVATE, OTHERS[0], { text: "lost" });
  socket.toClient.length = 0;
  server.post(PRIVATE, OTHERS[0], { text: "came" });
  await world.deliver();
  await world.pass(499);
  await world.deliver();
  expect(server.asked).toEqual([]);
  await world.pass(1);
  await world.deliver();
  expect(server.asked).toEqual(["updates.difference"]);
  expect(device.session.engine.known.fact("pts")).toBe(server.pts);
});

test("a gap that closes by itself is not asked about", async () => {
  const { server, world, device, socket } = await begun();
  server.post(PRIVATE, OTHERS[0], { text: "late" });
  const late = socket.toClient.splice(0);
  server.post(PRIVATE, OTHERS[0], { text: "came" });
  await world.deliver();
  socket.toClient.push(...late);
  await world.deliver();
  await world.pass(2_000);
  expect(server.asked).toEqual([]);
  expect(device.session.engine.known.fact("pts")).toBe(server.pts);
});

test("after a quarter of an hour of silence it is asked whether something happened", async () => {
  const { server, world, device, socket } = await begun();
  server.post(PRIVATE, OTHERS[0], { text: "lost" });
  socket.toClient.length = 0;
  await world.settle(15 * 60_000 - 2_000);
  expect(server.asked).toEqual([]);
  await world.settle(2_000);
  expect(server.asked).toContain("updates.difference");
  expect(device.session.engine.known.fact("pts")).toBe(server.pts);
});

test("many updates are confirmed once, when they are written", async () => {
  const { server, world } = await begun();
  server.acks.length = 0;
  for (let n = 0; n < 5; n++) {
    server.post(PRIVATE, OTHERS[0], { text: "text" });
    await world.deliver();
  }
  expect(server.acks).toEqual([]);
  await world.pass(100);
  await world.deliver();
  expect(server.acks).toEqual([server.pts]);
});

test("where the mailbox does not reach back, histories begin anew, and pages are told", async () => {
  const { server, world, device, socket } = await begun();
  await device.session.histories.window(PRIVATE, { at: "end" }, 10).catch(() => undefined);
  world.reachable = false;
  socket.cut();
  for (let n = 0; n < 5; n++) server.post(GROUP, OTHERS[0], { text: "text" });
  server.forget();
  world.reachable = true;
  await world.settle(1_000);
  const resets = device.notices.flatMap((one) => (one.kind === "reset" ? [one.chatId] : []));
  expect(new Set(resets)).toEqual(new Set([PRIVATE, GROUP]));
  const { known } = device.session.engine;
  expect(known.get("dialogs", GROUP)).toMatchObject({ unread: 6, top_id: 6 });
  expect(known.get("slices", PRIVATE)).toEqual({ chat_id: PRIVATE, slices: [{ start: 1, end: 1 }] });
  expect(known.fact("pts")).toBe(server.pts);
});

test("what arrives while it is connected may be notified of, and what came before not", async () => {
  const { server, world, device, socket } = await begun();
  server.post(PRIVATE, OTHERS[0], { text: "now" });
  server.post(PRIVATE, ME, { text: "mine, from elsewhere" });
  await world.settle(1_000);
  world.reachable = false;
  socket.cut();
  server.post(PRIVATE, OTHERS[0], { text: "while away" });
  world.reachable = true;
  await world.settle(1_000);
  const arrived = device.notices.flatMap((one) => (one.kind === "arrived" ? one.messages : []));
  expect(arrived.map((one) => one.text)).toEqual(["now"]);
});

test("a chat that moves up while its page is read stands in the list all the same", async () => {
  const server = new ModelServer();
  for (const chatId of [GROUP, GROUP2, "g9"]) server.enter(chatId);
  server.post(PRIVATE, OTHERS[0], { text: "text" });
  const world = new World(server);
  const device = new Device(world, server);
  await device.start();
  const call = server.call.bind(server);
  let pages = 0;
  server.call = (method, params, connection) => {
    const answer = call(method, params, connection);
    // The chat at the end of the list comes to the top after the first page was read.
    if (method === "chats.dialogs" && ++pages === 1) server.post(GROUP, OTHERS[0], { text: "up" });
    return answer;
  };
  await world.settle(2_000);
  const rows = [...device.session.engine.known.map("dialogs").values()];
  expect(rows.map((row) => row.chat_id).sort()).toEqual([GROUP, GROUP2, "g9", PRIVATE].sort());
  expect(device.session.engine.known.get("dialogs", GROUP)).toMatchObject({ unread: 2, top_id: 2 });
});

test("what has been read here is told as soon as there is a connection", async () => {
  const { server, world, device, socket } = await begun();
  world.reachable = false;
  socket.cut();
  await device.session.reading.read(PRIVATE, 1);
  await device.crash();
  world.reachable = true;
  await world.settle(12_000);
  expect(server.dialogs.get(PRIVATE)).toMatchObject({ read_inbox_id: 1, unread: 0 });
  expect(device.session.engine.known.get("dialogs", PRIVATE)).toMatchObject({ read_inbox_id: 1, unread: 0 });
  expect(device.session.engine.known.get("dialogs", PRIVATE)).not.toHaveProperty("reading");
});

test.each([
  ["waits for what is missing", 2, 100],
  ["waits for its turn", 1, 0],
])("an update that %s when another account logs in is not taken for one of that account", async (_, ahead, ms) => {
  const { server, world, device, socket } = await begun();
  server.post(PRIVATE, OTHERS[0], { text: "text" });
  await world.deliver();
  const said = { type: "profile", user: { id: ME, username: "before", name: "Of before" } };
  socket.toClient.push(JSON.stringify({ pts: server.pts + ahead, update: said }));
  await world.deliver();
  await world.pass(ms);
  server.me = OTHERS[1];
  socket.cut();
  await world.settle(2_000);
  for (let n = 0; n < 3; n++) server.post(PRIVATE, OTHERS[0], { text: "text" });
  await world.settle(2_000);
  const { known } = device.session.engine;
  expect(known.fact("account")?.id).toBe(OTHERS[1]);
  expect(known.get("dialogs", PRIVATE)).toMatchObject({ top_id: 5 });
  expect(known.fact("pts")).toBe(server.pts);
});
