/** Rows of the outbox, as they are read and changed. */

import { LIMITS } from "../../contract";
import type { Engine } from "../engine";
import type { OutboxRow } from "../store/store";

/** In the order in which they were written. */
export function rowsOf(engine: Engine): OutboxRow[] {
  return [...engine.known.map("outbox").values()].sort((a, b) => a.key - b.key);
}

/** False: it is not there any more, or nothing is changed. */
export function change(
  engine: Engine,
  key: number,
  to: (row: OutboxRow) => OutboxRow | undefined,
): Promise<boolean> {
  return engine.turn((turn) => {
    const row = turn.get("outbox", key);
    const changed = row && to(row);
    if (changed) turn.put("outbox", changed);
    return Boolean(changed);
  });
}

export function fail(
  engine: Engine,
  key: number,
  { code, detail }: { code: string; detail: string },
): Promise<boolean> {
  return change(engine, key, (row) => ({ ...row, state: "failed", failure: { code, detail } }));
}

/** The random id of the nth message of one request. */
export function nth(once: number, index: number): number {
  return 1 + ((once - 1 + index) % LIMITS.json_int_max);
}
