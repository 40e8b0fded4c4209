import { expect, test } from "vitest";
import { running } from "./device";
import { GROUP, ModelServer, OTHERS, PRIVATE } from "./server";

async function begun(count = 30) {
  const server = new ModelServer();
  for (let n = 0; n < count; n++) server.post(PRIVATE, OTHERS[0], { text: `text ${n + 1}` });
  const { world, device } = await running(server);
  server.asked.length = 0;
  const ask = async <T>(answer: Promise<T>): Promise<T> => {
    answer.catch(() => undefined); // it is awaited below
    for (let n = 0; n < 20; n++) await world.deliver();
    return answer;
  };
  return { server, world, device, ask, histories: device.session.histories, socket: () => [...world.sockets].at(-1)! };
}

const ids = (window: { messages: { id: number }[] }) => window.messages.map((one) => one.id);

test("the end, and then what is before it, until nothing is older", async () => {
  const { histories, ask } = await begun(10);
  const end = await ask(histories.window(PRIVATE, { at: "end" }, 4));
  expect(end).toMatchObject({ atStart: false, atEnd: true, anchorId: 0 });
  let all = ids(end);
  for (let more = !end.atStart; more; ) {
    const page = await ask(histories.older(PRIVATE, all[0]!, 4));
    all = [...ids(page), ...all];
    more = !page.atStart;
  }
  expect(all).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
});

test("what is held is not asked for again, and is there without a connection", async () => {
  const { histories, ask, server, world, socket } = await begun(10);
  for (let n = 0; n < 4; n++) await ask(histories.window(PRIVATE, { at: "message", id: 5 }, 10));
  server.asked.length = 0;
  await ask(histories.window(PRIVATE, { at: "message", id: 5 }, 6));
  expect(server.asked).toEqual([]);
  world.reachable = false;
  socket().cut();
  const window = await ask(histories.window(PRIVATE, { at: "message", id: 5 }, 6));
  expect(ids(window)).toEqual([2, 3, 4, 5, 6, 7]);
});

test("without a connection, what is not held is refused, and not told to be the end", async () => {
  const { histories, ask, world, socket } = await begun(30);
  world.reachable = false;
  socket().cut();
  await expect(ask(histories.older(PRIVATE, 10, 5))).rejects.toMatchObject({ code: "offline" });
  const end = await ask(histories.window(PRIVATE, { at: "end" }, 5));
  expect(end).toMatchObject({ atStart: false, atEnd: true });
});

test("the first unread, a date, and what is after it", async () => {
  const { histories, ask, server, world } = await begun(30);
  server.mark(PRIVATE, "read_inbox", 12);
  await world.settle(500);
  expect(await ask(histories.window(PRIVATE, { at: "unread" }, 4))).toMatchObject({ anchorId: 13 });
  const ms = server.readable(PRIVATE)[20]!.date_ms;
  const window = await ask(histories.window(PRIVATE, { at: "date", ms }, 4));
  expect(window.anchorId).toBe(21);
  expect(ids(window)).toContain(21);
  expect((await ask(histories.window(PRIVATE, { at: "date", ms: ms + 1 }, 4))).anchorId).toBe(22);
  expect((await ask(histories.window(PRIVATE, { at: "date", ms: 0 }, 4))).anchorId).toBe(1);
  expect((await ask(histories.window(PRIVATE, { at: "date", ms: 1e12 }, 4))).anchorId).toBe(0);
});

test("a date among what may not be read is the first message that may", async () => {
  const { histories, ask, server, world } = await begun(1);
  server.enter(GROUP);
  for (let n = 0; n < 300; n++) server.post(GROUP, OTHERS[0], { text: "before" });
  server.leave(GROUP);
  server.enter(GROUP);
  for (let n = 0; n < 5; n++) server.post(GROUP, OTHERS[0], { text: "after" });
  await world.settle(3_000);
  const window = await ask(histories.window(GROUP, { at: "date", ms: 1 }, 4));
  expect(window.anchorId).toBe(server.readable(GROUP)[0]!.id);
});

test("what was deleted while the answer was on its way stays deleted", async () => {
  const { histories, server, world, socket } = await begun(10);
  const asked = histories.older(PRIVATE, 8, 3);
  await world.calm();
  socket().deliverToServer();
  server.remove(PRIVATE, [6]);
  server.edit(PRIVATE, 7, "edited");
  // The updates overtake the answer.
  socket().toClient.push(socket().toClient.shift()!);
  await world.deliver();
  const { messages } = await asked;
  expect(messages.find((one) => one.id === 6)).toMatchObject({ deleted: true });
  expect(messages.find((one) => one.id === 7)).toMatchObject({ text: "edited" });
});

test("an answer from before the history began anew is thrown away, and it is asked again", async () => {
  const { histories, server, world, socket, device } = await begun(1);
  world.reachable = false;
  socket().cut();
  server.enter(GROUP);
  for (let n = 0; n < 3; n++) server.post(GROUP, OTHERS[0], { text: "before" });
  server.forget();
  world.reachable = true;
  await world.settle(1_000);
  const asked = histories.older(GROUP, 4, 3);
  await world.calm();
  socket().deliverToServer();
  server.leave(GROUP);
  server.enter(GROUP);
  // The updates overtake the answer.
  socket().toClient.push(socket().toClient.shift()!);
  await world.settle(1_000);
  expect(await asked).toMatchObject({ messages: [], atStart: true });
  const held = await device.session.engine.messages(GROUP, 1, 100, 100, false);
  expect(held.map((one) => one.id)).toEqual(server.readable(GROUP).map((one) => one.id));
});

test("single messages are found wherever they are", async () => {
  const { histories, ask } = await begun(30);
  expect((await ask(histories.messages(PRIVATE, [3, 30, 99]))).map((one) => one.id)).toEqual([3, 30]);
});
