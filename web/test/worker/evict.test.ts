import { expect, test } from "vitest";
import { running } from "./device";
import { GROUP, ModelServer, OTHERS, PRIVATE } from "./server";

const picture = (name: string) => ({ kind: "photo" as const, file_id: name, size: 1, name, mime: "image/png" });

/** `answers`: whether requests for files are answered. */
async function begun(answers = true) {
  const server = new ModelServer();
  const asked: string[] = [];
  const waiting: (() => void)[] = [];
  const http = server.http.bind(server);
  server.http = (path, init) => {
    if (!path.startsWith("/media/")) return http(path, init);
    expect(init.cache).toBe("reload");
    asked.push(path);
    const refused = new Response(null, { status: 404 });
    return answers ? refused : (new Promise((done) => waiting.push(() => done(refused))) as unknown as Response);
  };
  server.enter(GROUP);
  const { world, device } = await running(server);
  const post = async (chatId: string, name: string): Promise<void> => {
    server.post(chatId, OTHERS[0], { media: { ...picture(name), thumb: { ...picture(`${name}-small`), width: 1, height: 1 } } });
    await world.settle(500);
  };
  return { server, world, device, asked, waiting, post, socket: () => [...world.sockets][0]! };
}

test("the files of a message that is deleted are asked for once more", async () => {
  const { server, world, asked, post } = await begun();
  await post(PRIVATE, "a");
  server.remove(PRIVATE, [1]);
  await world.settle(500);
  expect(asked).toEqual([`/media/file/${PRIVATE}/1/a`, `/media/thumb/${PRIVATE}/1/a-small`]);
});

test("who comes into a group again keeps no files of what was there before", async () => {
  const { server, world, asked, post } = await begun();
  await post(GROUP, "a");
  await post(PRIVATE, "b");
  server.leave(GROUP);
  await world.settle(500);
  expect(asked).toEqual([]); // what one could read stays
  server.enter(GROUP);
  await world.settle(500);
  expect(asked).toEqual([`/media/file/${GROUP}/2/a`, `/media/thumb/${GROUP}/2/a-small`]);
});

test("where everything is fetched anew, files are kept of what is held then", async () => {
  const { server, world, asked, post, socket } = await begun();
  for (const name of ["a", "b"]) await post(PRIVATE, name);
  world.reachable = false;
  socket().cut();
  server.post(GROUP, OTHERS[0], { text: "text" });
  server.forget();
  world.reachable = true;
  await world.settle(1_000);
  expect(asked).toEqual([`/media/file/${PRIVATE}/1/a`, `/media/thumb/${PRIVATE}/1/a-small`]);
});

test("there are a few requests at a time, and nothing waits for them", async () => {
  const { server, world, device, asked, waiting, post } = await begun(false);
  for (let n = 0; n < 5; n++) await post(PRIVATE, `${n}`);
  server.remove(PRIVATE, [1, 2, 3, 4, 5]);
  await world.settle(500);
  expect(device.session.engine.known.fact("pts")).toBe(server.pts);
  expect(asked).toHaveLength(4);
  while (waiting.length) {
    expect(waiting.length).toBeLessThanOrEqual(4);
    waiting.shift()!();
    await world.calm();
  }
  expect(new Set(asked).size).toBe(10);
});

test("what is beyond some thousands is dropped", async () => {
  const { device, world, asked, waiting } = await begun(false);
  const messages = Array.from({ length: 3_000 }, (_, at) => ({ chat_id: PRIVATE, id: at + 1, from_id: OTHERS[0], date_ms: 1 }));
  await device.session.engine.turn((turn) => {
    for (const message of messages) turn.erased.push({ ...message, media: { ...picture("a"), thumb: { ...picture("b"), width: 1, height: 1 } } });
  });
  for (; waiting.length; await world.calm()) for (const answer of waiting.splice(0)) answer();
  expect(asked).toHaveLength(4_000);
});
