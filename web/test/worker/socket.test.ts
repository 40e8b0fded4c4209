import { expect, test } from "vitest";
import { TABLES } from "../../src/worker/store/store";
import { running } from "./device";
import { GROUP, ModelServer, PRIVATE } from "./server";

async function begun() {
  const server = new ModelServer();
  server.enter(GROUP);
  const { world, device } = await running(server);
  const states = () => device.notices.flatMap((one) => (one.kind === "connection" ? [one.connection.state] : []));
  return { server, world, device, states, socket: () => [...world.sockets].at(-1)! };
}

test("awake with a dead socket: there is a live one within five seconds", async () => {
  const { world, device, socket } = await begun();
  const dead = socket();
  dead.deaf = true;
  device.session.check();
  await world.settle(2_500);
  expect(socket()).not.toBe(dead);
  expect(device.session.state().connection).toEqual({ state: "online" });
});

test("a live one is kept", async () => {
  const { world, device, socket } = await begun();
  const alive = socket();
  device.session.check();
  await world.settle(5_000);
  expect(socket()).toBe(alive);
});

test("a socket that is silent is given up after its heartbeat", async () => {
  const { world, socket } = await begun();
  const dead = socket();
  dead.deaf = true;
  await world.settle(50_000);
  expect(socket()).not.toBe(dead);
});

test("it is tried again after at most ten seconds, and the pauses grow", async () => {
  const { world, device, socket } = await begun();
  world.reachable = false;
  socket().cut();
  const pauses: number[] = [];
  for (let n = 0; n < 12; n++) {
    const { connection } = device.session.state();
    if (connection.state !== "offline") throw new Error(connection.state);
    pauses.push(connection.retryMs - world.nowMs);
    await world.pass(connection.retryMs - world.nowMs);
  }
  expect(Math.max(...pauses)).toBeLessThanOrEqual(10_000);
  expect(pauses[0]).toBeLessThanOrEqual(100);
  expect(Math.min(...pauses.slice(8))).toBeGreaterThanOrEqual(5_000);
  world.reachable = true;
  await world.settle(11_000);
  expect(device.session.state().connection).toEqual({ state: "online" });
});

test("who waits to try again tries at once when a person comes back", async () => {
  const { world, device, socket } = await begun();
  world.reachable = false;
  socket().cut();
  for (let n = 0; n < 8; n++) await world.pass(5_000);
  world.reachable = true;
  device.session.check();
  await world.deliver();
  expect(device.session.state().connection).toEqual({ state: "online" });
});

test("one that was sent away does not come back by itself", async () => {
  const { world, device, socket } = await begun();
  socket().cut(4006);
  await world.settle(120_000);
  expect(world.sockets.size).toBe(0);
  device.session.check();
  await world.deliver();
  expect(device.session.state().connection).toEqual({ state: "online" });
});

test("when the session is ended elsewhere, nothing is left, and the page is told", async () => {
  const { server, world, device, socket } = await begun();
  await device.session.outbox.send(PRIVATE, "text", 0, [], 1);
  server.loggedIn = false;
  socket().cut(4003);
  await world.settle(20_000);
  expect(device.notices.at(-1)).toEqual({ kind: "account", account: null, ended: "elsewhere" });
  const { known } = device.session.engine;
  for (const table of TABLES) expect([...known.map(table as "facts")]).toEqual([]);
  expect(world.sockets.size).toBe(0);
});

test("the second attempt goes by the port of the page", async () => {
  const { world, server, socket, device } = await begun();
  const call = server.call.bind(server);
  server.call = (method, params, connection) => {
    const answer = call(method, params, connection);
    return method === "help.config" ? { ...(answer as object), ws_port: 81 } : answer;
  };
  socket().cut();
  await world.settle(1_000);
  socket().cut();
  await world.pass(1_000);
  expect(socket().url).toBe("ws://chat.example:81/ws");
  world.reachable = false;
  socket().cut();
  const opened: string[] = [];
  const { sockets } = world;
  const add = sockets.add.bind(sockets);
  sockets.add = (one) => (opened.push(one.url), add(one));
  await world.pass(3_000);
  expect(opened.slice(0, 2).sort()).toEqual(["ws://chat.example/ws", "ws://chat.example:81/ws"]);
  void device;
});

test("a newer client is offered when the server has another version", async () => {
  const { world, server, socket, device } = await begun();
  server.version = "2";
  socket().cut();
  await world.settle(1_000);
  expect(device.notices.filter((one) => one.kind === "outdated")).toHaveLength(1);
});

test("so many reads at once as the server takes", async () => {
  const { world, device, socket } = await begun();
  for (let n = 0; n < 20; n++) device.session.rpc.ask("users.me", {}).catch(() => undefined);
  await world.calm();
  expect(socket().toServer).toHaveLength(6);
  await world.deliver();
});
