import { expect, test } from "vitest";
import type { ChatRow } from "../../src/bridge/protocol";
import { answer } from "../../src/worker/requests";
import { fold } from "../../src/worker/search";
import { device as nameOfDevice } from "../../src/worker/device";
import { Device, running } from "./device";
import { GROUP, ModelServer, OTHERS, PRIVATE } from "./server";
import { World } from "./world";

async function begun() {
  const server = new ModelServer();
  server.enter(GROUP);
  server.post(PRIVATE, OTHERS[0], { text: "Crème brûlée, bitte" });
  const { world, device } = await running(server);
  const ask = async <T = unknown>(name: string, params: unknown = {}): Promise<T> => {
    const asked = answer(device.session, name as never, params, { page: "page", once: 1 }) as Promise<T>;
    asked.catch(() => undefined); // it is awaited below
    for (let n = 0; n < 5; n++) await world.deliver();
    return asked;
  };
  return { server, world, device, ask };
}

test("a contact has the name that I gave, and the list knows at once", async () => {
  const { server, world, device, ask } = await begun();
  server.contact(OTHERS[0], "Annie", false);
  await world.settle(500);
  const [row] = await ask<ChatRow[]>("chats");
  expect(row).toMatchObject({ chat_id: PRIVATE, name: "Annie", userId: OTHERS[0] });
  const told = device.notices.flatMap((one) => (one.kind === "chats" ? one.rows : []));
  expect(told.at(-1)).toMatchObject({ chat_id: PRIVATE, name: "Annie" });
  expect(device.notices).toContainEqual({ kind: "contacts", contacts: [{ user_id: OTHERS[0], name: "Annie" }], blocked: [] });
});

test("a private chat that begins has the name of the other", async () => {
  const { server, world, ask } = await begun();
  const chatId = `p100-${OTHERS[1]}`;
  server.post(chatId, OTHERS[1], { text: "hello" });
  await world.settle(500);
  expect((await ask<ChatRow[]>("chats"))[0]).toMatchObject({ chat_id: chatId, name: `Other ${OTHERS[1]}` });
});

test("who is online is told, and forgotten with the connection", async () => {
  const { world, device, ask } = await begun();
  const socket = [...world.sockets][0]!;
  const status = { online: true, last_seen_ms: 1 };
  socket.toClient.push(JSON.stringify({ event: { type: "presence", user_id: OTHERS[0], status } }));
  await world.settle(500);
  expect(await ask("people", { userIds: [OTHERS[0]] })).toMatchObject([{ id: OTHERS[0], status }]);
  world.reachable = false;
  socket.cut();
  const [user] = await ask<[object]>("people", { userIds: [OTHERS[0]] });
  expect(user).not.toHaveProperty("status");
  expect(device.session.engine.known.get("users", OTHERS[0])).not.toHaveProperty("status");
});

test("typing is told with its end", async () => {
  const { world, device } = await begun();
  const event = { type: "typing", chat_id: GROUP, user_id: OTHERS[0] };
  [...world.sockets][0]!.toClient.push(JSON.stringify({ event }));
  const untilMs = world.nowMs + 6_000;
  await world.deliver();
  expect(device.notices).toContainEqual({ kind: "typing", chatId: GROUP, userId: OTHERS[0], untilMs });
});

test("whose message is there types no longer", async () => {
  const { server, world, device } = await begun();
  const event = { type: "typing", chat_id: GROUP, user_id: OTHERS[0] };
  [...world.sockets][0]!.toClient.push(JSON.stringify({ event }));
  await world.deliver();
  server.post(GROUP, OTHERS[1], { text: "somebody else's" });
  server.post(GROUP, OTHERS[0], { text: "what was typed" });
  server.post(GROUP, OTHERS[0], { text: "and more" });
  await world.settle(500);
  const told = device.notices.filter((one) => one.kind === "typing");
  expect(told.slice(1)).toEqual([{ kind: "typing", chatId: GROUP, userId: OTHERS[0], untilMs: 0 }]);
});

test("a new picture of a group is asked for, and told", async () => {
  const { server, world, device } = await begun();
  server.setPhoto(GROUP);
  await world.settle(500);
  expect(device.session.engine.known.get("dialogs", GROUP)).toMatchObject({ photo: { file_id: "photo1" }, stale: false });
});

test("the files of a deleted message are asked for once more, past the cache", async () => {
  const { server, world, device } = await begun();
  const media = { kind: "photo" as const, file_id: "file", size: 1, name: "", mime: "", thumb: { file_id: "thumb", size: 1, mime: "", width: 1, height: 1 } };
  const { id } = server.post(PRIVATE, OTHERS[0], { media });
  await world.settle(500);
  const asked: unknown[] = [];
  device.session.env.fetch = async (path, init) => (asked.push([path, init.cache]), new Response());
  server.remove(PRIVATE, [id]);
  await world.settle(500);
  expect(asked).toEqual([
    [`/media/file/${PRIVATE}/${id}/file`, "reload"],
    [`/media/thumb/${PRIVATE}/${id}/thumb`, "reload"],
  ]);
});

test("search finds words by any part of them, whatever their case and accents, the newest first", async () => {
  const { server, world, ask } = await begun();
  const find = async (text: string, chatId?: string) => {
    const found = ask<{ chats: ChatRow[]; messages: { text: string }[] }>("search", { text, limit: 5, ...(chatId && { chatId }) });
    await world.pass(500);
    return found;
  };
  expect((await find("BRULEE creme")).messages.map((one) => one.text)).toEqual(["Crème brûlée, bitte"]);
  server.post(GROUP, OTHERS[0], { text: "noch eine crème" });
  await world.settle(500);
  expect((await find("rème")).messages.map((one) => one.text)).toEqual(["noch eine crème", "Crème brûlée, bitte"]);
  expect((await find("rème", PRIVATE)).messages).toHaveLength(1);
  server.remove(GROUP, [2]);
  await world.settle(500);
  expect((await find("rème")).messages).toHaveLength(1);
  expect((await find("group")).chats.map((row) => row.chat_id)).toEqual([GROUP]);
  expect((await find("nothing")).messages).toEqual([]);
  expect((await find("  ")).chats).toEqual([]);
});

test("letters are folded alike", () => {
  expect(fold("Ä ñ İ ﬁ Ω Straße")).toBe("a n i fi ω strasse");
});

test("this login says what it is", () => {
  expect(nameOfDevice("Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/140.0 Safari/537.36")).toBe("Chrome, Linux");
  expect(nameOfDevice("Mozilla/5.0 (iPhone; CPU iPhone OS 18_0) Version/18.0 Safari/604.1")).toBe("Safari, iPhone");
  expect(nameOfDevice("curl/8")).toBe("Browser");
});

test("who logs in sees nothing of who was here before", async () => {
  const { server, world, device, ask } = await begun();
  await ask("draft", { chatId: PRIVATE, text: "secret" });
  const call = server.call.bind(server);
  server.call = (method, params, connection) => {
    if (method !== "auth.login") return call(method, params, connection);
    server.me = 999;
    server.dialogs.clear();
    return { session_id: 2, user: server.user(999) };
  };
  await ask("login", { username: "somebody", password: "a password" });
  const { known } = device.session.engine;
  expect(known.fact("account")).toMatchObject({ id: 999 });
  for (const table of ["drafts", "dialogs", "outbox", "contacts"] as const) expect(known.map(table).size).toBe(0);
  void world;
});

test("before somebody is logged in, nothing else is answered", async () => {
  const server = new ModelServer();
  server.loggedIn = false;
  const world = new World(server);
  const device = new Device(world, server);
  await device.start();
  await world.settle(500);
  expect(device.session.state().account).toBeNull();
  await expect(answer(device.session, "chats", {}, { page: "", once: 1 })).rejects.toMatchObject({ code: "unauthorized" });
});

test("who is logged in is recognised as soon as the server can be reached", async () => {
  const server = new ModelServer();
  server.enter(GROUP);
  const world = new World(server);
  world.reachable = false;
  const device = new Device(world, server);
  await device.start();
  expect(device.session.state()).toMatchObject({ account: null, connection: { state: "offline" } });
  world.reachable = true;
  await world.settle(4_000);
  expect(device.session.state()).toMatchObject({ account: { id: 100 }, connection: { state: "online" } });
});
