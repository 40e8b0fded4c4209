/**
 * A login of this browser, from the first request to the last: who is logged in, the live
 * connection, and all that lives by it.
 */

import { Refused } from "../bridge/bridge";
import type { Connection, Start } from "../bridge/protocol";
import { type Config, type Hello, LIMITS, type Login, type Register, type User } from "../contract";
import { Cookie } from "./cookie";
import { device } from "./device";
import type { Engine } from "./engine";
import type { Env } from "./env";
import { Evictor } from "./evict";
import { Histories } from "./histories";
import { OFFLINE, post } from "./http";
import { Mailbox } from "./mailbox";
import { Outbox } from "./outbox/outbox";
import { People } from "./people";
import { Reading } from "./reading";
import { Rpc } from "./rpc";
import { Search } from "./search";
import { type Pushed, Socket } from "./socket";
import type { Opened } from "./store/open";
import { TABLES, unlessStale } from "./store/store";
import { Uploader } from "./uploads";

const RETRY_MS = 1_000;
const ASK_AGAIN_MS = 3_000;

export class Session {
  readonly socket: Socket;
  readonly rpc: Rpc;
  readonly histories: Histories;
  readonly outbox: Outbox;
  readonly people: People;
  readonly reading: Reading;
  readonly search: Search;
  readonly uploader: Uploader;
  private readonly mailbox: Mailbox;
  private readonly cookie: Cookie;
  private connection: Connection = { state: "connecting" };
  private config: Config | null = null;
  private dials = 0;
  private readonly waiting = new Set<{ ready(): void; refuse(error: Refused): void }>();

  constructor(
    readonly env: Env,
    readonly engine: Engine,
    private readonly open: () => Promise<Opened>,
  ) {
    this.socket = new Socket(env, () => this.address(), {
      connected: (hello) => void this.connected(hello).catch(unlessStale),
      pushed: (frame) => this.pushed(frame),
      connection: (state) => this.is(state),
      ended: () => void this.end("elsewhere").catch(unlessStale),
    });
    this.rpc = new Rpc(env, this.socket);
    this.cookie = new Cookie(env);
    this.mailbox = new Mailbox(
      env,
      engine,
      this.rpc,
      (frame) => this.socket.say(frame),
      () => this.settled(),
      () => this.is({ state: "updating" }),
    );
    this.histories = new Histories(engine, this.rpc);
    this.uploader = new Uploader(env, this.rpc);
    this.outbox = new Outbox(env, engine, this.rpc, this.histories, this.uploader, this.mailbox);
    this.people = new People(env, engine, this.rpc);
    this.reading = new Reading(engine, this.rpc);
    this.search = new Search(env, engine);
    new Evictor(env, engine);
  }

  get account(): User | undefined {
    return this.engine.known.fact("account");
  }

  // --- what the page asks for --------------------------------------------------------------------

  /** What is kept is there at once; who has nothing kept is asked who they are. */
  async start(): Promise<void> {
    await this.engine.load();
    this.config = this.engine.known.fact("config") ?? null;
    if (this.account) return this.goOn();
    await this.learnConfig().catch(() => undefined);
    await this.recognise();
  }

  /** By the cookie; asked again as long as there is no answer and nobody has logged in. */
  private async recognise(): Promise<void> {
    try {
      const user = await post(this.env, "users.me", {});
      if (!this.account) await this.begin(user);
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      if (error.code !== "offline") return;
      this.is({ state: "offline", retryMs: this.env.now() + ASK_AGAIN_MS });
      this.env.after(ASK_AGAIN_MS, () => void (this.account ?? this.recognise().catch(unlessStale)));
    }
  }

  state(): Start {
    const limits = { ...LIMITS, ...this.engine.known.fact("limits") };
    const { keeping } = this.engine;
    return { account: this.account ?? null, config: this.config, keeping, connection: this.connection, limits };
  }

  async register(params: Omit<Register, "device" | "cookie">): Promise<User> {
    const asked = { ...params, device: device(), cookie: true };
    const { user } = await post(this.env, "auth.register", asked);
    await this.begin(user);
    return user;
  }

  async login(params: Omit<Login, "device" | "cookie">): Promise<User> {
    const asked = { ...params, device: device(), cookie: true };
    const { user } = await post(this.env, "auth.login", asked);
    await this.begin(user);
    return user;
  }

  /** By HTTP: it is the answer that ends the cookie. Nothing is written while it is on its way, for
   * it empties the browser's store. */
  async logout(): Promise<void> {
    this.socket.stop();
    this.cookie.leave();
    try {
      await post(this.env, "auth.logout", {});
    } catch (error) {
      if (!(error instanceof Refused) || error.code !== "unauthorized") {
        this.socket.start();
        throw error;
      }
    }
    await this.end("logout");
  }

  /** Is there a connection that lives? */
  check(): void {
    if (this.account) this.socket.check();
  }

  /** The list of chats is there. Refused as `offline` if it is not, and cannot be asked for. */
  ready(): Promise<void> {
    if (!this.account) throw new Refused({ code: "unauthorized", detail: "Nobody is logged in." });
    if (this.engine.known.fact("pts") !== undefined) return Promise.resolve();
    if (this.connection.state === "offline") throw new Refused(OFFLINE);
    return new Promise((ready, refuse) => this.waiting.add({ ready, refuse }));
  }

  async stop(): Promise<void> {
    this.socket.stop();
    this.disconnected();
    this.outbox.stop();
    await this.engine.stop();
  }

  // --- a login -----------------------------------------------------------------------------------

  /** Nothing of who was here before is left. */
  private async begin(user: User): Promise<void> {
    this.socket.stop();
    this.cookie.leave();
    this.disconnected();
    await this.engine.turn((turn) => {
      turn.empty(TABLES);
      turn.setFact("account", user);
      turn.put("users", user);
      if (this.config) turn.setFact("config", this.config);
    });
    await this.goOn();
  }

  private async goOn(): Promise<void> {
    await this.engine.turn((turn) => {
      // Of what was on its way when this browser was closed, it is not known whether it arrived.
      for (const row of [...turn.each("outbox")])
        if (row.state === "sending") turn.put("outbox", { ...row, state: "waiting" });
    });
    this.outbox.kick();
    this.socket.start();
  }

  private async end(ended: "logout" | "elsewhere"): Promise<void> {
    this.socket.stop();
    this.cookie.leave();
    this.disconnected();
    this.outbox.stop();
    if (ended === "elsewhere") await this.cookie.end();
    await this.engine.renew(this.open);
    this.search.forget();
    this.engine.tell({ notice: { kind: "account", account: null, ended } });
  }

  // --- the connection ----------------------------------------------------------------------------

  private async connected(hello: Hello): Promise<void> {
    this.dials = 0;
    this.learnConfig().catch(() => undefined);
    this.learnLimits().catch(() => undefined);
    if (hello.user_id !== this.account?.id) return this.change();
    void this.cookie.renew();
    this.outbox.connected();
    this.mailbox.connected(hello.pts);
  }

  /** Another account has logged in, in another tab or by another address. */
  private async change(): Promise<void> {
    this.socket.stop();
    try {
      await this.begin(await post(this.env, "users.me", {}));
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      this.env.after(RETRY_MS, () => this.socket.start());
    }
  }

  private pushed({ pts, update, event }: Pushed): void {
    if (event) this.people.happened(event);
    else if (pts !== undefined) this.mailbox.pushed(pts, update);
  }

  private settled(): void {
    this.is({ state: "online" });
    for (const one of this.waiting) one.ready();
    this.waiting.clear();
    this.people.settled();
    this.reading.settled();
    this.outbox.settled();
  }

  private is(connection: Connection): void {
    if (connection.state === "offline") {
      this.disconnected();
      for (const one of this.waiting) one.refuse(new Refused(OFFLINE));
      this.waiting.clear();
    }
    if (JSON.stringify(connection) === JSON.stringify(this.connection)) return;
    this.connection = connection;
    this.engine.tell({ notice: { kind: "connection", connection } });
  }

  private disconnected(): void {
    this.mailbox.disconnected();
    this.outbox.disconnected();
    this.people.disconnected();
  }

  /** Where `help.config` says; every second attempt in a row goes by the port of the page. A server
   * of another name would not get the cookie. */
  private async address(): Promise<string> {
    const config = this.config ?? (await this.learnConfig());
    const { origin } = this.env;
    const scheme = origin.protocol === "https:" ? "wss" : "ws";
    const fallback = `${scheme}://${origin.host}${config.ws_fallback_path}`;
    if (this.dials++ % 2) return fallback;
    if (config.ws_url) return new URL(config.ws_url).hostname === origin.hostname ? config.ws_url : fallback;
    return config.ws_port && scheme === "ws" ? `ws://${origin.hostname}:${config.ws_port}${config.ws_fallback_path}` : fallback;
  }

  private async learnConfig(): Promise<Config> {
    const config = await post(this.env, "help.config", {});
    const before = this.config?.version;
    this.config = config;
    if (before !== undefined && before !== config.version) this.engine.tell({ notice: { kind: "outdated" } });
    await this.engine.turn((turn) => turn.setFact("config", config));
    return config;
  }

  private async learnLimits(): Promise<void> {
    const { limits } = await post(this.env, "help.limits", {});
    await this.engine.turn((turn) => turn.setFact("limits", limits));
  }
}
