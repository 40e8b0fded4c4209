import { Refused } from "../bridge/bridge";
import { t } from ".";
import type { Refusal } from "../bridge/protocol";

/**
 * A refusal in words: ours where there are some for its code, so that they are in the person's
 * language; else what the server said.
 */
export function refusalText(error: unknown): string {
  return error instanceof Refused ? refusalWords(error.refusal) : t.errors.unexpected;
}

export function refusalWords(refusal: Pick<Refusal, "code" | "detail" | "retryAfter">): string {
  if (refusal.code === "flood") return t.errors.flood(refusal.retryAfter ?? 0);
  const codes: Readonly<Record<string, string>> = t.errors.codes;
  return codes[refusal.code] ?? (refusal.detail || t.errors.unexpected);
}

/** The parameter that a refusal is about, without its slash: `username`. */
export function refusedField(error: unknown): string | undefined {
  return error instanceof Refused ? error.refusal.field?.split("/")[1] : undefined;
}
