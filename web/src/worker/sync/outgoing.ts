/** What is on its way, as pages are told of it. */

import type { Outgoing } from "../../bridge/protocol";
import { foreseen } from "../outbox/order";
import type { OutboxRow } from "../store/store";
import type { Known } from "./known";

/** As the page sees it. */
export function outgoing(row: OutboxRow): Outgoing {
  return {
    key: row.key,
    chatId: row.chat_id,
    randomId: row.random_id,
    text: row.text,
    replyTo: row.reply_to,
    album: row.album,
    dateMs: row.date_ms,
    state: row.state,
    ...(row.file && { file: row.file }),
    ...(row.forward && { forward: row.forward }),
    ...(row.failure && { failure: row.failure }),
  };
}

/** Of each chat, in the order in which they will be. */
export function outgoingByChat(known: Known): Map<string, Outgoing[]> {
  const found = new Map<string, OutboxRow[]>();
  for (const row of [...known.map("outbox").values()].sort((a, b) => a.key - b.key)) {
    const chat = found.get(row.chat_id);
    if (chat) chat.push(row);
    else found.set(row.chat_id, [row]);
  }
  return new Map([...found].map(([chatId, rows]) => [chatId, foreseen(rows).map(outgoing)]));
}
