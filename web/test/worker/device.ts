/** A worker that leads, over a disk that survives it, and that may die at any access to it. */

import type { Message } from "../../src/contract";
import type { Notice } from "../../src/bridge/protocol";
import { Engine } from "../../src/worker/engine";
import { Session } from "../../src/worker/session";
import { MemoryStore } from "../../src/worker/store/memory";
import type { Change, Store, TableName, Tables } from "../../src/worker/store/store";
import type { Told } from "../../src/worker/sync/tells";
import type { ModelServer } from "./server";
import { World } from "./world";

/** Answers nothing any more once it has died. */
class Mortal implements Store {
  constructor(
    private readonly disk: Store,
    private readonly life: { dead: boolean; left: number; after: boolean; die(): void },
  ) {}

  all<T extends TableName>(table: T): Promise<Tables[T][]> {
    return this.access(() => this.disk.all(table));
  }

  messagesAt(keys: readonly [string, number][]): Promise<(Message | undefined)[]> {
    return this.access(() => this.disk.messagesAt(keys));
  }

  messages(chatId: string, start: number, end: number, limit: number, last: boolean): Promise<Message[]> {
    return this.access(() => this.disk.messages(chatId, start, end, limit, last));
  }

  commit(changes: readonly Change[]): Promise<void> {
    return this.access(() => this.disk.commit(structuredClone(changes)));
  }

  close(): void {}

  private async access<T>(work: () => Promise<T>): Promise<T> {
    const { life } = this;
    const dies = life.left-- === 0;
    if (dies && !life.after) life.die();
    if (life.dead) return new Promise(() => undefined);
    const result = await work();
    if (dies) life.die();
    if (life.dead) return new Promise(() => undefined);
    return result;
  }
}

export class Device {
  session!: Session;
  notices: Notice[] = [];
  private life!: { dead: boolean; left: number; after: boolean; die(): void };

  constructor(
    readonly world: World,
    readonly server: ModelServer,
    private readonly disk: () => Promise<Store> = once(new MemoryStore()),
  ) {}

  async start(): Promise<void> {
    const env = this.world.env();
    const life = { dead: false, left: -1, after: false, die: () => void env.die() };
    life.die = () => {
      life.dead = true;
      env.die();
    };
    this.life = life;
    const store = new Mortal(await this.disk(), life);
    const tell = (told: Told[]): void => void this.notices.push(...told.map((one) => one.notice));
    const engine = new Engine(store, { state: "kept" }, { tell, stale: () => undefined });
    this.session = new Session(env, engine, async () => ({ store, keeping: { state: "kept" } }));
    void this.session.start().catch(() => undefined);
    await this.world.calm();
  }

  /** At its nth access to the disk from now on, before or after that is done. */
  dieAt(access: number, after: boolean): void {
    this.life.left = access;
    this.life.after = after;
  }

  get dead(): boolean {
    return this.life.dead;
  }

  async crash(): Promise<void> {
    this.life.die();
    await this.start();
  }

  async reviveIfDead(): Promise<void> {
    if (this.dead) await this.start();
  }
}

export function once(store: Store): () => Promise<Store> {
  return () => Promise.resolve(store);
}

/** A device of this server, when it has what there is. */
export async function running(server: ModelServer): Promise<{ world: World; device: Device }> {
  const world = new World(server);
  const device = new Device(world, server);
  await device.start();
  await world.settle(1_000);
  return { world, device };
}
