import { expect, test } from "vitest";
import { running } from "./device";
import { GROUP, ModelServer } from "./server";

const DAY_MS = 24 * 3_600_000;

async function begun() {
  const server = new ModelServer();
  server.enter(GROUP);
  const { world, device } = await running(server);
  const renewals = () => server.asked.filter((method) => method === "users.me").length;
  const reconnect = async () => {
    [...world.sockets].at(-1)!.cut();
    await world.settle(3_000);
  };
  return { world, device, renewals, reconnect };
}

test("whoever is logged in renews the cookie when the page starts, and once a day", async () => {
  const { world, device, renewals, reconnect } = await begun();
  let before = renewals();
  await device.crash(); // as a page that is loaded again
  await world.settle(1_000);
  expect(renewals()).toBe(++before);
  await reconnect();
  expect(renewals()).toBe(before);
  world.nowMs += DAY_MS;
  await reconnect();
  expect(renewals()).toBe(++before);
});

test("a renewal that nobody answered is made up for", async () => {
  const { world, device, renewals, reconnect } = await begun();
  const fetch = world.server.http.bind(world.server);
  world.server.http = (path, init) => {
    if (path === "/api/users.me") throw new TypeError("lost");
    return fetch(path, init);
  };
  await device.crash();
  await world.settle(1_000);
  world.server.http = fetch;
  const before = renewals();
  await reconnect();
  expect(renewals()).toBe(before + 1);
});

test("who logs out is not logged in again by a renewal that is answered late", async () => {
  const { world, device } = await begun();
  const fetch = world.server.http.bind(world.server);
  let signal: AbortSignal | null | undefined;
  world.server.http = (path, init) => {
    if (path === "/api/users.me") {
      signal = init.signal;
      return new Promise(() => undefined);
    }
    if (path === "/api/auth.logout") expect(signal?.aborted).toBe(true);
    return path === "/api/auth.logout" ? Response.json({ ok: true }) : fetch(path, init);
  };
  await device.crash();
  await world.settle(1_000);
  expect(signal?.aborted).toBe(false);
  await device.session.logout();
  expect(signal?.aborted).toBe(true);
});
