/**
 * In which order messages of a chat are sent: as they were written, but what is written while a file is
 * on its way up does not wait for it. What was sent together stays in its order, and the pictures of
 * an album stay together. Pure.
 */

import type { OutboxRow } from "../store/store";

/** What `messages.send` needs of a file, as long as it is good for that. */
export function ticketOf(row: OutboxRow, nowMs: number): string | undefined {
  return row.ticket && row.ticket.expires_ms > nowMs ? row.ticket.ticket : undefined;
}

/** Of the messages of one chat, in the order in which they were written, those that can be sent. A
 * file that a person has stopped, or that failed, keeps nothing back. */
export function ready(rows: readonly OutboxRow[], nowMs: number): OutboxRow[] {
  const going = rows.filter((row) => row.state !== "failed" && !row.file?.paused);
  const unfiled = going.filter((row) => row.file && !ticketOf(row, nowMs));
  return going.filter((row) => !unfiled.some((other) => row === other || follows(row, other)));
}

function follows(row: OutboxRow, other: OutboxRow): boolean {
  if (row.batch === undefined || row.batch !== other.batch) return false;
  return other.key < row.key || (row.album !== 0 && row.album === other.album);
}

/** As they will be, as far as it is known: those that can be sent before those that cannot yet. */
export function foreseen(rows: readonly OutboxRow[]): OutboxRow[] {
  const first = new Set(ready(rows, 0));
  return [...first, ...rows.filter((row) => !first.has(row))];
}
