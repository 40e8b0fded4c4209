// A client of Heliograph for browsers and Node (22 or newer), which both have WebSocket: it connects,
// loses the connection, comes back, and misses nothing. A page that it runs in must be one of the
// server's own, or its address one of `--allow-origin`.
//
//     node resume.mjs ws://localhost:8001/ws TOKEN
//
// prints every update of the account, one line of JSON each, and sends what it reads, lines of the
// form `CHAT_ID TEXT`. The token is what `auth.login` answers; the address, what `help.config` does.

const FINAL = { 4003: "the session has ended", 4006: "too many connections of this session" };
const REPEATED = ["overloaded", "unavailable", "storage_full", "flood"];
const ACK_MS = 100, GAP_MS = 500, PAUSE_MS_MIN = 100, PAUSE_MS_MAX = 10_000;

export class Client {
  // `show(pts, update)` is called with each update, once and in order; `tell` with what else happens:
  // {begins}, {anew} (fetch what you show again), {refused}, {ended}.
  constructor(url, token, show, tell = () => {}) {
    Object.assign(this, { url, token, show, tell });
    this.pts = null;         // all updates up to this one have been shown: keep it
    this.held = new Map();   // what came too early
    this.unsent = new Map(); // sends without an answer, by random_id
    this.pause = PAUSE_MS_MIN;
    this.ready = false;      // hello was answered
    this.connect();
  }

  // --- a connection, and the next one ---------------------------------------------------------

  connect() {
    const ws = (this.ws = new WebSocket(this.url));
    this.answers = new Map();
    this.number = 0;
    this.asking = this.acking = false;
    this.held.clear();
    this.heartbeat = 30_000;
    ws.onopen = () => this.ask("session.hello", { token: this.token }, (frame) => this.greeted(frame));
    ws.onmessage = (event) => this.heard(JSON.parse(event.data));
    ws.onclose = (event) => this.lost(event.code);
    ws.onerror = () => {}; // `onclose` follows
    this.watch();
  }

  // Heartbeats; and who is silent for too long is given up.
  watch() {
    clearInterval(this.beating);
    this.heardAt = Date.now();
    this.beating = setInterval(() => {
      if (Date.now() - this.heardAt > 2.5 * this.heartbeat) this.ws.close();
      else this.say({ ping: 1 });
    }, this.heartbeat);
  }

  lost(code) {
    clearInterval(this.beating);
    this.ready = false;
    if (code in FINAL) {
      this.tell({ ended: FINAL[code] });
      return;
    }
    setTimeout(() => this.connect(), this.pause * (0.5 + Math.random() / 2));
    this.pause = Math.min(2 * this.pause, PAUSE_MS_MAX);
  }

  heard(frame) {
    this.heardAt = Date.now();
    if ("id" in frame) {
      const answer = this.answers.get(frame.id);
      this.answers.delete(frame.id);
      answer(frame);
    } else if ("update" in frame) this.updated(frame.pts, frame.update);
    else if ("pts" in frame && frame.pts !== this.pts) this.askDifference();
  }

  say(frame) {
    if (this.ws.readyState === WebSocket.OPEN) this.ws.send(JSON.stringify(frame));
  }

  ask(method, params, answer) {
    this.answers.set(++this.number, answer);
    this.say({ id: this.number, method, params });
  }

  // What is to happen later, if it is still this connection by then.
  later(ms, what) {
    const ws = this.ws;
    setTimeout(() => ws === this.ws && this.ready && what(), ms);
  }

  greeted({ result, error }) {
    if (error) {
      if (error.code !== "unauthorized") this.ws.close(); // else 4003 follows
      return;
    }
    this.ready = true;
    this.pause = PAUSE_MS_MIN;
    this.heartbeat = 1000 * result.heartbeat_s;
    this.watch();
    if (this.pts === null) this.tell({ begins: (this.pts = result.pts) });
    else if (this.pts !== result.pts) this.askDifference();
    for (const randomId of this.unsent.keys()) this.sendAgain(randomId);
  }

  // --- updates: each once, in order -----------------------------------------------------------

  updated(pts, update) {
    this.held.set(pts, update);
    while (this.held.has(this.pts + 1)) {
      const known = this.held.get(++this.pts);
      this.show(this.pts, known);
      this.acknowledge();
    }
    for (const number of this.held.keys()) if (number <= this.pts) this.held.delete(number);
    if (this.held.size) {
      // Something is missing: wait for it a moment, then ask.
      const seen = this.pts;
      this.later(GAP_MS, () => this.held.size && this.pts === seen && this.askDifference());
    }
  }

  askDifference() {
    if (this.asking) return;
    this.asking = true;
    this.ask("updates.difference", { pts: this.pts }, (frame) => this.differs(frame));
  }

  differs({ result, error }) {
    this.asking = false;
    if (error) {
      this.later(1000 * (error.retry_after ?? 1), () => this.askDifference());
      return;
    }
    if (result.kind === "too_long") this.tell({ anew: (this.pts = result.pts) });
    for (const { pts, update } of result.updates) this.updated(pts, update);
    if (result.kind === "slice") this.askDifference();
  }

  // One acknowledgement for all that comes in a moment.
  acknowledge() {
    if (this.acking) return;
    this.acking = true;
    this.later(ACK_MS, () => {
      this.acking = false;
      this.say({ ack: this.pts });
    });
  }

  // --- sending: repeated until it is answered, stored once ------------------------------------

  send(chatId, text) {
    const randomId = 1 + Math.floor(Math.random() * Number.MAX_SAFE_INTEGER);
    this.unsent.set(randomId, { chat_id: chatId, text, random_id: randomId });
    if (this.ready) this.sendAgain(randomId);
  }

  sendAgain(randomId) {
    this.ask("messages.send", this.unsent.get(randomId), (frame) => this.sent(randomId, frame));
  }

  sent(randomId, { result, error }) {
    if (error && REPEATED.includes(error.code)) {
      this.later(1000 * (error.retry_after ?? 1), () => this.sendAgain(randomId));
      return;
    }
    const message = this.unsent.get(randomId);
    this.unsent.delete(randomId);
    if (error) this.tell({ refused: error.detail });
    else if ("pts" in result) {
      // This connection is not pushed its own message.
      const { pts, ...known } = { ...result, ...message };
      this.updated(pts, { type: "message_new", message: known });
    } else this.askDifference(); // it was there already
  }
}

if (globalThis.process?.argv[1]?.endsWith("resume.mjs")) {
  const print = (line) => console.log(JSON.stringify(line));
  const [url, token] = process.argv.slice(2);
  const { createInterface } = await import("node:readline");
  const lines = createInterface({ input: process.stdin });
  const tell = (news) => {
    print(news);
    if (news.ended) lines.close(), process.stdin.destroy();
  };
  const client = new Client(url, token, (pts, update) => print({ pts, update }), tell);
  lines.on("line", (line) => {
    const [chatId, ...words] = line.trim().split(" ");
    client.send(chatId, words.join(" "));
  });
}
