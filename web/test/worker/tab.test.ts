import "fake-indexeddb/auto";
import { IDBFactory } from "fake-indexeddb";
import { beforeEach, describe, expect, test } from "vitest";
import { type ChatRow, type Notice, type PageState, PROTOCOL, type RequestName } from "../../src/bridge/protocol";
import { IndexedStore } from "../../src/worker/store/indexed";
import { MemoryStore } from "../../src/worker/store/memory";
import type { Session } from "../../src/worker/session";
import { type Meeting, Tab } from "../../src/worker/tab";
import { GROUP, ME, ModelServer, OTHERS, PRIVATE } from "./server";
import { World } from "./world";

beforeEach(() => {
  globalThis.indexedDB = new IDBFactory();
});

/** One lock, as the Web Locks API has it. */
class Locks {
  private readonly queue: (() => void)[] = [];
  private holder: { release(): void; steal(): void } | undefined;

  request(_name: string, options: { steal?: boolean }, work: () => Promise<unknown>): Promise<unknown> {
    return new Promise((done, refuse) => {
      const take = (): void => {
        const holder = {
          release: () => {
            if (this.holder !== holder) return;
            this.holder = undefined;
            this.queue.shift()?.();
          },
          steal: () => refuse(new DOMException("stolen", "AbortError")),
        };
        this.holder = holder;
        work().then(done, refuse).finally(() => holder.release());
      };
      if (options.steal) {
        this.holder?.steal();
        take();
      } else if (this.holder) this.queue.push(take);
      else take();
    });
  }

  /** The tab that holds it is closed. */
  closed(): void {
    this.holder?.release();
  }
}

class Browser {
  readonly locks = new Locks();
  readonly channels = new Set<Channel>();
  constructor(
    readonly world: World,
    readonly server: ModelServer,
  ) {}

  open(state: Partial<PageState> = {}, protocol = PROTOCOL): Page {
    return new Page(this, { visible: false, focused: false, online: true, ...state }, protocol);
  }
}

class Channel {
  onmessage: ((event: { data: unknown }) => void) | null = null;
  frozen = false;
  /** It takes no questions. */
  silent = false;
  constructor(private readonly browser: Browser) {
    browser.channels.add(this);
  }

  postMessage(message: unknown): void {
    if (this.frozen) return;
    const data = structuredClone(message);
    for (const other of this.browser.channels)
      if (other !== this && !other.frozen && !(other.silent && "from" in ((data as { said?: object }).said ?? {}))) setImmediate(() => other.onmessage?.({ data }));
  }
}

class Page {
  readonly notices: Notice[] = [];
  readonly env: ReturnType<World["env"]>;
  readonly channel: Channel;
  readonly tab: Tab;

  constructor(
    private readonly browser: Browser,
    state: PageState,
    protocol: number,
  ) {
    this.env = browser.world.env();
    this.channel = new Channel(browser);
    const meeting = { locks: browser.locks, channel: this.channel } as unknown as Meeting;
    const open = async () => ({ store: await IndexedStore.open(this.env.now(), protocol), keeping: { state: "kept" as const } });
    this.tab = new Tab(this.env, meeting, open, (notice) => this.notices.push(notice), protocol);
    this.tab.page(state);
    this.tab.start();
  }

  ask<T = unknown>(name: RequestName, params: unknown = {}): Promise<T> {
    const answer = this.tab.ask(name, params) as Promise<T>;
    answer.catch(() => undefined);
    return answer;
  }

  session(): Promise<Session> {
    return (this.tab as unknown as { session: Promise<Session> }).session;
  }

  /** Nothing comes from it or gets to it any more. */
  freeze(): void {
    this.channel.frozen = true;
    this.env.die();
  }

  close(): void {
    this.freeze();
    this.browser.channels.delete(this.channel);
    this.browser.locks.closed();
  }

  texts(): string[] {
    return this.notices.flatMap((one) => (one.kind === "messages" ? one.messages : [])).map((one) => one.text ?? "");
  }
}

async function begun(protocol = PROTOCOL) {
  const server = new ModelServer();
  server.enter(GROUP);
  server.post(PRIVATE, OTHERS[0], { text: "text" });
  const world = new World(server);
  const browser = new Browser(world, server);
  const live = async (ms = 500): Promise<void> => {
    for (let n = 0; n < 10; n++) await new Promise((done) => setImmediate(done));
    await world.settle(ms);
    for (let n = 0; n < 10; n++) await new Promise((done) => setImmediate(done));
    await world.settle(ms);
  };
  const leader = browser.open({}, protocol);
  await live();
  return { server, world, browser, leader, live };
}

test("one tab has the socket, and all show the same", async () => {
  const { world, browser, leader, live, server } = await begun();
  const others = [browser.open(), browser.open()];
  await live();
  const asked = [leader, ...others].map((page) => page.ask<ChatRow[]>("chats"));
  await live();
  const [first, ...rest] = await Promise.all(asked);
  expect(first!.map((row) => row.chat_id)).toEqual([PRIVATE, GROUP]);
  for (const one of rest) expect(one).toEqual(first);
  expect(world.sockets.size).toBe(1);
  server.post(PRIVATE, OTHERS[0], { text: "news" });
  await live();
  for (const page of [leader, ...others]) expect(page.texts()).toContain("news");
});

test("a message of a tab that does not lead is sent once, and all tabs see it", async () => {
  const { browser, leader, live, server } = await begun();
  const other = browser.open();
  await live();
  void other.ask("send", { chatId: PRIVATE, text: "from the other" });
  await live();
  expect(server.readable(PRIVATE).filter((one) => one.text === "from the other")).toHaveLength(1);
  expect(leader.texts()).toContain("from the other");
  expect(other.texts()).toContain("from the other");
});

test("when the leader is closed another leads, and what it was asked is answered", async () => {
  const { world, browser, leader, live, server } = await begun();
  const other = browser.open();
  await live();
  leader.channel.frozen = true; // it does not hear the question any more
  const asked = other.ask<ChatRow[]>("chats");
  leader.close();
  await live(1_000);
  expect((await asked).map((row) => row.chat_id)).toEqual([PRIVATE, GROUP]);
  expect(world.sockets.size).toBe(1);
  server.post(PRIVATE, OTHERS[0], { text: "news" });
  await live();
  expect(other.texts()).toContain("news");
});

test("what was asked of a leader that is gone is asked of the next one", async () => {
  const { browser, leader, live } = await begun();
  browser.open();
  const third = browser.open();
  await live();
  leader.channel.frozen = true;
  const asked = third.ask<ChatRow[]>("chats");
  leader.close();
  await live(1_000);
  expect((await asked).map((row) => row.chat_id)).toEqual([PRIVATE, GROUP]);
});

test("what its own page had asked of it is answered by who took the lead", async () => {
  const { world, browser, leader, live } = await begun();
  const seen = browser.open({ visible: true });
  await live();
  const asked = leader.ask<{ messages: unknown[] }>("older", { chatId: GROUP, id: 50, limit: 5 });
  leader.channel.silent = true;
  // Its question is on the way, and the answer never comes.
  for (const socket of world.sockets) socket.deaf = true;
  void seen.ask("chats");
  await live(2_500);
  await live(3_000);
  expect((await asked).messages).toHaveLength(1);
});

test("when the browser's store was emptied under it, it begins again", async () => {
  const { browser, leader, live, server } = await begun();
  const store = (await leader.session()).engine;
  const opened = (store as unknown as { store: { db: { clear(name: string): Promise<void> } } }).store.db;
  for (const name of ["lead", "dialogs", "facts", "messages", "slices"]) await opened.clear(name);
  server.post(PRIVATE, OTHERS[0], { text: "news" });
  await live(1_500);
  const asked = leader.ask<ChatRow[]>("chats");
  await live(1_000);
  expect((await asked)[0]).toMatchObject({ chat_id: PRIVATE, unread: 2 });
  void browser;
});

test("a tab that is seen takes the lead from one that is silent, and the message is sent once", async () => {
  const { browser, leader, live, server } = await begun();
  const seen = browser.open({ visible: true });
  await live();
  leader.freeze();
  const asked = seen.ask("send", { chatId: PRIVATE, text: "once" });
  await live(2_500);
  await expect(asked).resolves.toHaveLength(1);
  expect(server.readable(PRIVATE).filter((one) => one.text === "once")).toHaveLength(1);
});

test("a message that the leader sent before it fell silent is not sent again", async () => {
  const { browser, leader, live, server } = await begun();
  const seen = browser.open({ visible: true });
  await live();
  leader.channel.postMessage = () => undefined; // it hears, and is not heard
  const asked = seen.ask("send", { chatId: PRIVATE, text: "once" });
  await live(2_500);
  await expect(asked).resolves.toHaveLength(1);
  await live();
  expect(server.asked.filter((one) => one === "messages.send").length).toBeGreaterThan(1);
  expect(server.readable(PRIVATE).filter((one) => one.text === "once")).toHaveLength(1);
});

test("a hidden tab takes nothing", async () => {
  const { browser, leader, live } = await begun();
  const hidden = browser.open();
  await live();
  leader.freeze();
  let answered = false;
  void hidden.ask("chats").then(() => (answered = true));
  await live(5_000);
  expect(answered).toBe(false);
});

test("who had the lead passes on what its page asks, once it has lost it", async () => {
  const { world, browser, leader, live, server } = await begun();
  const seen = browser.open({ visible: true });
  await live();
  leader.channel.frozen = true; // alive, but not heard
  void seen.ask("chats");
  await live(2_500);
  leader.channel.frozen = false;
  const asked = leader.ask("send", { chatId: PRIVATE, text: "by the new leader" });
  await live(1_000);
  await expect(asked).resolves.toHaveLength(1);
  expect(server.readable(PRIVATE).filter((one) => one.text === "by the new leader")).toHaveLength(1);
  expect(world.sockets.size).toBe(1);
});

test("one tab is told what arrives: the one that a person looks at", async () => {
  const { browser, leader, live, server } = await begun();
  const pages = [browser.open({ visible: true }), browser.open({ visible: true, focused: true }), browser.open()];
  await live();
  server.post(PRIVATE, OTHERS[0], { text: "news" });
  await live();
  const told = [leader, ...pages].map((page) => page.notices.filter((one) => one.kind === "arrived").length);
  expect(told).toEqual([0, 0, 1, 0]);
});

test("a draft is told to the other tabs", async () => {
  const { browser, leader, live } = await begun();
  const other = browser.open();
  await live();
  void other.ask("draft", { chatId: PRIVATE, text: "draft" });
  await live();
  const drafts = (page: Page) => page.notices.flatMap((one) => (one.kind === "draft" ? [one.draft?.text] : []));
  expect(drafts(leader)).toEqual(["draft"]);
  expect(drafts(other)).toEqual([]);
  void leader.ask("draft", { chatId: PRIVATE, text: "" });
  await live();
  expect(drafts(leader)).toEqual(["draft"]);
  expect(drafts(other)).toEqual([undefined]);
});

test("when the session is over, all tabs are told, and nothing is left in the browser", async () => {
  const { world, browser, leader, live, server } = await begun();
  const other = browser.open();
  await live();
  server.loggedIn = false;
  [...world.sockets][0]!.cut(4003);
  await live();
  for (const page of [leader, other]) expect(page.notices).toContainEqual({ kind: "account", account: null, ended: "elsewhere" });
  const store = await IndexedStore.open(1);
  expect(await store.all("dialogs")).toEqual([]);
  expect(await store.all("facts")).toEqual([]);
});

test("when the session is over, its cookie is ended before anybody can log in again", async () => {
  const { world, leader, live, server } = await begun();
  const said: string[] = [];
  const http = server.http.bind(server);
  server.http = (path, init) => {
    said.push(path);
    expect(leader.notices).not.toContainEqual(expect.objectContaining({ account: null }));
    return http(path, init);
  };
  server.loggedIn = false;
  [...world.sockets][0]!.cut(4003);
  await live();
  expect(said).toEqual(["/api/users.me"]);
  expect(leader.notices).toContainEqual({ kind: "account", account: null, ended: "elsewhere" });
});

test("a session is over also where the server says nothing of its cookie", async () => {
  const { world, leader, live, server } = await begun();
  server.http = (_, init) =>
    new Promise((_, refuse) => init.signal!.addEventListener("abort", () => refuse(init.signal!.reason as Error))) as unknown as Response;
  [...world.sockets][0]!.cut(4003);
  await live(3_000);
  expect(leader.notices).toContainEqual({ kind: "account", account: null, ended: "elsewhere" });
});

test("without locks a tab leads for itself", async () => {
  const { world } = await begun();
  const notices: Notice[] = [];
  const open = async () => ({ store: new MemoryStore(), keeping: { state: "memory" as const, why: "insecure" as const } });
  const tab = new Tab(world.env(), undefined, open, (notice) => notices.push(notice));
  tab.start();
  await world.settle(1_000);
  expect(await tab.ask("start", {})).toMatchObject({ account: { id: ME }, keeping: { state: "memory", why: "insecure" } });
});

describe("tabs of two builds", () => {
  const told = (page: Page): number => page.notices.filter((one) => one.kind === "outdated").length;

  test("the newer one leads, with what is on its way, and the older ones say so", async () => {
    const { world, browser, leader, live, server } = await begun();
    const other = browser.open();
    world.reachable = false;
    [...world.sockets][0]!.cut();
    void leader.ask("draft", { chatId: PRIVATE, text: "draft" });
    void other.ask("send", { chatId: PRIVATE, text: "on its way" });
    await live();
    const newer = browser.open({}, PROTOCOL + 1);
    await live();
    world.reachable = true;
    await live(12_000);
    for (const old of [leader, other]) {
      expect(told(old)).toBe(1);
      await expect(old.ask("send", { chatId: PRIVATE, text: "by an old one" })).rejects.toMatchObject({ code: "outdated" });
    }
    expect(told(newer)).toBe(0);
    const asked = [newer.ask("drafts"), newer.ask<ChatRow[]>("chats")] as const;
    await live();
    expect(await asked[0]).toMatchObject({ [PRIVATE]: { text: "draft" } });
    expect((await asked[1]).map((row) => row.chat_id)).toEqual([PRIVATE, GROUP]);
    expect(server.readable(PRIVATE).map((one) => one.text)).toEqual(["text", "on its way"]);
    expect(world.sockets.size).toBe(1);
  });

  test("an older one that comes later is told, and what it has asked is refused", async () => {
    const { world, browser, leader, live } = await begun(PROTOCOL + 1);
    const session = await leader.session();
    const old = browser.open({ visible: true });
    const refused = expect(old.ask("chats")).rejects.toMatchObject({ code: "outdated" });
    await live(3_000);
    await refused;
    old.tab.page({ visible: true, focused: true, online: true });
    await live(3_000);
    expect(told(old)).toBe(1);
    expect(await leader.session()).toBe(session);
    const asked = leader.ask<ChatRow[]>("chats");
    await live();
    expect(await asked).toHaveLength(2);
    expect(world.sockets.size).toBe(1);
  });

  test("what an older one had been asked is refused when it leads no more", async () => {
    const { world, browser, leader, live } = await begun();
    for (const socket of world.sockets) socket.deaf = true;
    const refused = expect(leader.ask("older", { chatId: GROUP, id: 50, limit: 5 })).rejects.toMatchObject({ code: "outdated" });
    await world.calm();
    browser.open({}, PROTOCOL + 1);
    await live();
    await refused;
  });

  test("an older one that waits for the lead does not take it", async () => {
    const { world, browser, leader, live } = await begun();
    const other = browser.open();
    await live();
    leader.channel.frozen = true;
    const newer = browser.open({}, PROTOCOL + 1);
    await live();
    expect(told(other)).toBe(1);
    leader.close();
    await live(1_000);
    expect(await other.session()).toBeUndefined();
    const asked = newer.ask<ChatRow[]>("chats");
    await live();
    expect(await asked).toHaveLength(2);
    expect(world.sockets.size).toBe(1);
  });
});
