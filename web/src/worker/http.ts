/** Methods and uploads by HTTP; who asks is known by the cookie. */

import { Refused } from "../bridge/bridge";
import type { Refusal } from "../bridge/protocol";
import type { MethodName, Methods, Problem } from "../contract";
import type { Env } from "./env";

export const OFFLINE: Refusal = { code: "offline", detail: "The server cannot be reached." };

/** A refusal is `offline` where no answer came, or one that was not the server's. */
export async function post<N extends MethodName>(
  env: Env,
  method: N,
  params: Methods[N]["params"],
  signal: AbortSignal | null = null,
): Promise<Methods[N]["result"]> {
  const headers = { "content-type": "application/json" };
  const init = { method: "POST", headers, body: JSON.stringify(params), signal };
  return (await send(env, `/api/${method}`, init)) as Methods[N]["result"];
}

export async function send(env: Env, path: string, init: RequestInit): Promise<unknown> {
  let response: Response;
  try {
    response = await env.fetch(path, { ...init, credentials: "same-origin" });
  } catch (error) {
    if (init.signal?.aborted) throw error;
    throw new Refused(OFFLINE);
  }
  const answer: unknown = await response.json().catch(() => undefined);
  if (response.ok && answer !== undefined) return answer;
  throw new Refused(answer && typeof answer === "object" && "code" in answer ? refusalOf(answer as Problem) : OFFLINE);
}

export function refusalOf(problem: Problem): Refusal {
  return {
    code: problem.code,
    detail: problem.detail,
    ...(problem.field !== undefined && { field: problem.field }),
    ...(problem.retry_after !== undefined && { retryAfter: problem.retry_after }),
  };
}
