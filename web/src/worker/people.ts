/** Profiles, who is online, members of groups: what is asked for, and kept as it was told. */

import { Refused } from "../bridge/bridge";
import { type Chat, type Event, LIMITS, type User } from "../contract";
import type { Engine } from "./engine";
import type { Env } from "./env";
import type { Rpc } from "./rpc";
import { unlessStale } from "./store/store";
import { fetchedChat, fetchedUsers } from "./sync/answers";
import { orderOf, otherOf } from "./sync/chats";
import type { Turn } from "./sync/known";
import { withStatus } from "./sync/tells";
import { chatOf } from "./sync/updates";

/** Of so many private chats at the top of the list, it is asked who is online. */
const SHOWN = 200;

export class People {
  /** Profiles that have been asked for since the connection was made. */
  private readonly fresh = new Set<number>();
  private readonly refreshing = new Set<string>();
  /** Who was told to be typing, in which chat. */
  private readonly typing = new Set<string>();
  private online = false;

  constructor(
    private readonly env: Env,
    private readonly engine: Engine,
    private readonly rpc: Rpc,
  ) {
    engine.watchers.add((turn) => {
      for (const row of turn.written("dialogs").values()) if (row?.stale) this.refresh(row.chat_id);
      for (const { chat_id, from_id } of turn.arrived) this.wrote(chat_id, from_id);
    });
  }

  /** Everything is known but who is online, and what no update tells. */
  settled(): void {
    if (this.online) return;
    this.online = true;
    const { known } = this.engine;
    const me = known.fact("account")?.id ?? 0;
    const others = orderOf(known).flatMap((chatId) => otherOf(chatId, me) ?? []);
    this.ask(others.slice(0, SHOWN)).catch(quietly);
    for (const row of known.map("dialogs").values()) if (row.stale) this.refresh(row.chat_id);
  }

  disconnected(): void {
    this.online = false;
    this.fresh.clear();
    this.typing.clear();
    this.engine.presence.clear();
  }

  happened(event: Event): void {
    if (event.type === "typing") {
      const seconds = this.engine.known.fact("limits")?.["typing_s"] ?? LIMITS.typing_s;
      const untilMs = this.env.now() + 1_000 * seconds;
      this.typing.add(`${event.chat_id} ${event.user_id}`);
      this.engine.tell({ notice: { kind: "typing", chatId: event.chat_id, userId: event.user_id, untilMs } });
    } else if (event.type === "presence") {
      this.engine.presence.set(event.user_id, event.status);
      const user = this.engine.known.get("users", event.user_id);
      if (user) this.engine.tell({ notice: { kind: "people", users: [{ ...user, status: event.status }] } });
    }
  }

  /** Whose message is there types no longer. */
  private wrote(chatId: string, userId: number): void {
    if (!this.typing.delete(`${chatId} ${userId}`)) return;
    this.engine.tell({ notice: { kind: "typing", chatId, userId, untilMs: 0 } });
  }

  /** As they are kept, and asked for anew behind that; those that are not kept are waited for. */
  async get(ids: readonly number[]): Promise<User[]> {
    const { known, presence } = this.engine;
    const missing = ids.filter((id) => !known.get("users", id));
    const asked = this.ask(ids.filter((id) => !this.fresh.has(id)));
    if (missing.length) await asked.catch((error: unknown) => unlessOffline(error));
    else asked.catch(quietly);
    return ids.flatMap((id) => known.get("users", id) ?? []).map((user) => withStatus(user, presence));
  }

  /** As the server has it now, or as it was kept. */
  async chat(chatId: string): Promise<Chat> {
    try {
      const chat = await this.fetchChat(chatId);
      if (chat) return chat;
    } catch (error) {
      const kept = this.engine.known.get("chats", chatId);
      if (kept && error instanceof Refused && error.code === "offline") return kept;
      throw error;
    }
    throw new Refused({ code: "chat_not_found", detail: "There is no such chat." });
  }

  private async ask(ids: readonly number[]): Promise<void> {
    for (let rest = [...new Set(ids)]; rest.length; ) {
      const some = rest.slice(0, LIMITS.users_per_request_max);
      rest = rest.slice(some.length);
      for (const id of some) this.fresh.add(id);
      try {
        const { users } = await this.rpc.call("users.get", { user_ids: some });
        const before = new Map(this.engine.presence);
        for (const user of users) if (user.status) this.engine.presence.set(user.id, user.status);
        await this.engine.turn((turn) => fetchedUsers(turn, users));
        const news = users.filter((user) => JSON.stringify(before.get(user.id)) !== JSON.stringify(user.status));
        if (news.length) this.engine.tell({ notice: { kind: "people", users: news } });
      } catch (error) {
        for (const id of some) this.fresh.delete(id);
        throw error;
      }
    }
  }

  private refresh(chatId: string): void {
    if (!this.online || this.refreshing.has(chatId)) return;
    this.refreshing.add(chatId);
    const other = otherOf(chatId, this.engine.known.fact("account")?.id ?? 0);
    const done = other === undefined ? this.fetchChat(chatId) : this.ask([other]);
    done.catch(quietly).finally(() => this.refreshing.delete(chatId));
  }

  /** Asked again where something was told of it while the answer was on its way. */
  private async fetchChat(chatId: string): Promise<Chat | undefined> {
    for (let attempt = 0; ; attempt++) {
      let overtaken = false;
      const watch = (turn: Turn): void => {
        overtaken ||= turn.applied.some((update) => chatOf(update) === chatId && update.type !== "message_edited");
      };
      this.engine.watchers.add(watch);
      try {
        const chat = await this.ofMine(chatId);
        const taken = await this.engine.turn((turn) => {
          const good = !overtaken || attempt === 5;
          if (good) fetchedChat(turn, chatId, chat);
          return good;
        });
        if (taken) return chat;
      } finally {
        this.engine.watchers.delete(watch);
      }
    }
  }

  private async ofMine(chatId: string): Promise<Chat | undefined> {
    try {
      return await this.rpc.call("chats.get", { chat_id: chatId });
    } catch (error) {
      if (error instanceof Refused && error.code === "chat_not_found") return undefined;
      throw error;
    }
  }
}

function unlessOffline(error: unknown): void {
  if (!(error instanceof Refused && error.code === "offline")) throw error;
}

/** Nobody waits for it, and it is asked again after the next connection. */
function quietly(error: unknown): void {
  if (!(error instanceof Refused)) unlessStale(error);
}
