import { Refused } from "../bridge/bridge";
import type { Engine } from "./engine";
import type { Rpc } from "./rpc";
import { unlessStale } from "./store/store";

/** What a person has read: written down, and told to the server as soon as that is there. What is
 * unread says the server alone. */
export class Reading {
  private readonly telling = new Set<string>();

  constructor(
    private readonly engine: Engine,
    private readonly rpc: Rpc,
  ) {}

  async read(chatId: string, maxId: number): Promise<void> {
    await this.engine.turn((turn) => {
      const row = turn.get("dialogs", chatId);
      if (row && maxId > Math.max(row.read_inbox_id ?? 0, row.reading ?? 0)) turn.dialog(chatId, { reading: maxId });
    });
    this.tell(chatId);
  }

  settled(): void {
    for (const chatId of this.engine.known.map("dialogs").keys()) this.tell(chatId as string);
  }

  private tell(chatId: string): void {
    const maxId = this.engine.known.get("dialogs", chatId)?.reading;
    if (!maxId || this.telling.has(chatId)) return;
    this.telling.add(chatId);
    this.rpc
      .call("messages.read", { chat_id: chatId, max_id: maxId })
      .then(
        () => this.told(chatId, maxId),
        // Refused for good: there is nothing to be read there any more.
        (error: unknown) => (error instanceof Refused && error.code === "offline" ? undefined : this.told(chatId, maxId)),
      )
      .catch(unlessStale)
      .finally(() => {
        this.telling.delete(chatId);
        if ((this.engine.known.get("dialogs", chatId)?.reading ?? 0) > maxId) this.tell(chatId);
      });
  }

  private async told(chatId: string, maxId: number): Promise<void> {
    await this.engine.turn((turn) => {
      const { reading, ...row } = turn.get("dialogs", chatId) ?? {};
      if ("chat_id" in row && reading && reading <= maxId) turn.put("dialogs", row as never);
    });
  }
}
