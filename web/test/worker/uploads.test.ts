import { blake3 } from "hash-wasm";
import { expect, test } from "vitest";
import { Refused } from "../../src/bridge/bridge";
import { LIMITS } from "../../src/contract";
import type { Env } from "../../src/worker/env";
import type { Rpc } from "../../src/worker/rpc";
import { Uploader } from "../../src/worker/uploads";

const PART = LIMITS.part_bytes;

const hex = (text: string): string => Buffer.from(text, "base64url").toString("hex");

/** What the server keeps of one upload, as docs/protocol.md, "Files", has it. */
class Storage {
  readonly parts = new Map<number, Uint8Array>();
  readonly asked: string[] = [];
  finished: { hash: string; name?: string } | undefined;
  fails = 0;
  gone = false;

  readonly rpc = {
    ask: async (method: string, params: { hash: string; name?: string; size: number }) => {
      this.asked.push(method);
      if (method === "media.begin") {
        this.gone = false;
        return { stored: [...this.parts.keys()].map((part) => ({ first: part, last: part })) };
      }
      this.finished = params;
      return { ticket: "ticket", expires_ms: 1, media: {} };
    },
  } as unknown as Rpc;

  readonly env: Env = {
    now: () => 0,
    random: () => 0.5,
    after: (_, what) => (setImmediate(what), () => undefined),
    origin: new URL("http://chat.example"),
    open: () => {
      throw new Error("no socket");
    },
    fetch: async (path, init) => {
      const url = new URL(path, "http://chat.example");
      this.asked.push(`${init.method} ${url.pathname}`);
      if (this.fails-- > 0) throw new TypeError("unreachable");
      if (this.gone) return Response.json({ code: "upload_not_found", detail: "" }, { status: 404 });
      const bytes = init.body as Uint8Array;
      expect(hex(url.searchParams.get("hash")!)).toBe(await blake3(bytes));
      if (init.method === "POST") {
        this.finished = { hash: url.searchParams.get("hash")!, name: url.searchParams.get("name")! };
        return Response.json({ ticket: "ticket", expires_ms: 1, media: {} });
      }
      this.parts.set(Number(url.pathname.split("/").at(-1)), bytes);
      return Response.json({ ok: true });
    },
  };

  upload(bytes: Uint8Array<ArrayBuffer>, signal = new AbortController().signal, progress: number[] = []) {
    const source = { blob: new Blob([bytes]), name: "a b.bin", kind: "file" as const, uploadId: 5 };
    return new Uploader(this.env, this.rpc).upload(source, { signal, progress: (sent) => progress.push(sent) });
  }
}

const bytes = (count: number): Uint8Array<ArrayBuffer> => Uint8Array.from({ length: count }, (_, index) => (index * 31) % 251);

test("a file of one part is one request", async () => {
  const storage = new Storage();
  expect(await storage.upload(bytes(1_000))).toMatchObject({ ticket: "ticket" });
  expect(storage.asked).toEqual(["POST /media/upload"]);
  expect(storage.finished?.name).toBe("a b.bin");
});

test("a longer one goes in parts, and its id is the hash of their hashes", async () => {
  const storage = new Storage();
  const all = bytes(2 * PART + 10);
  const progress: number[] = [];
  await storage.upload(all, undefined, progress);
  expect([...storage.parts.keys()].sort()).toEqual([0, 1, 2]);
  const hashes = await Promise.all([0, 1, 2].map((part) => blake3(all.slice(part * PART, (part + 1) * PART))));
  expect(hex(storage.finished!.hash)).toBe(await blake3(Buffer.from(hashes.join(""), "hex")));
  expect(progress.at(-1)).toBe(all.length);
});

test("what is stored is not sent again", async () => {
  const storage = new Storage();
  const all = bytes(3 * PART);
  await storage.upload(all);
  storage.parts.delete(1);
  storage.asked.length = 0;
  await storage.upload(all);
  expect(storage.asked).toEqual(["media.begin", "PUT /media/upload/5/1", "media.finish"]);
});

test("it goes on through lost connections", async () => {
  const storage = new Storage();
  storage.fails = 4;
  await storage.upload(bytes(2 * PART));
  expect(storage.parts.size).toBe(2);
});

test("it begins again where the server has given it up", async () => {
  const storage = new Storage();
  const begun = storage.rpc.ask.bind(storage.rpc);
  let begins = 0;
  storage.rpc.ask = (async (method: "media.begin", params: never) => {
    const answer = await begun(method, params);
    // It is gone as soon as it has begun, the first time.
    if (method === "media.begin" && ++begins === 1) storage.gone = true;
    return answer;
  }) as typeof begun;
  await storage.upload(bytes(2 * PART));
  expect(begins).toBe(2);
  expect(storage.parts.size).toBe(2);
});

test("called off, it asks for nothing more", async () => {
  const storage = new Storage();
  const control = new AbortController();
  control.abort();
  await expect(storage.upload(bytes(2 * PART), control.signal)).rejects.toThrow();
  expect(storage.asked.filter((one) => one.startsWith("PUT"))).toEqual([]);
});

test("a file that cannot be read any more is refused", async () => {
  const storage = new Storage();
  const blob = { size: 5, arrayBuffer: () => Promise.reject(new DOMException("gone", "NotReadableError")) } as unknown as Blob;
  const source = { blob, name: "", kind: "file" as const, uploadId: 5 };
  const going = { signal: new AbortController().signal, progress: () => undefined };
  const error = await new Uploader(storage.env, storage.rpc).upload(source, going).catch((one: unknown) => one);
  expect((error as Refused).code).toBe("file_unreadable");
});
